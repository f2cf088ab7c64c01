/* The slots of channels, their ids and the queue of control frames. Section 7 of the protocol. */
#include "slots.h"

#include <stdlib.h>
#include <string.h>

/* A channel's number is the index of its slot and, in the higher bits, a generation, so that an old number
 * finds no channel. */
#define INDEX_BITS 20
/* The channel whose frames go before those of the others. */
#define URGENT "control"

en_slot *en_slot_of(const en_connection *c, en_channel channel) {
  uint64_t index = channel & ((1u << INDEX_BITS) - 1);
  if (index >= c->slot_count || !c->slots[index] || c->slots[index]->number != channel) return NULL;
  return c->slots[index];
}

void en_slot_free(en_slot *slot) {
  while (slot->first) {
    en_parked *frame = slot->first;
    slot->first = frame->next;
    free(frame);
  }
  free(slot->queued);
  free(slot->assembly);
  free(slot);
}

en_slot *en_slot_add(en_connection *c, const uint8_t *name, uint32_t length) {
  uint32_t index = 0;
  while (index < c->slot_count && c->slots[index]) index++;
  if (index >= 1u << INDEX_BITS) return NULL;
  en_slot *slot = calloc(1, sizeof *slot);
  if (!slot) return NULL;
  if (index == c->slot_count) {
    en_slot **more = realloc(c->slots, (c->slot_count + 1) * sizeof *more);
    if (!more) {
      free(slot);
      return NULL;
    }
    c->slots = more;
    c->slot_count++;
  }
  c->slots[index] = slot;
  slot->number = c->generation++ << INDEX_BITS | index;
  slot->window = c->peer.window;
  slot->name_length = length;
  if (length) memcpy(slot->name, name, length);
  if (length == strlen(URGENT) && memcmp(name, URGENT, length) == 0) c->urgent = slot;
  return slot;
}

void en_forget(en_connection *c) {
  if (c->over_count == 0 || c->polling) return;
  for (uint32_t i = c->slot_count; i-- > 1;) {
    en_slot *slot = c->slots[i];
    if (!slot || !slot->over) continue;
    if (!c->on_event) slot->events = 0; /* nobody asks for them */
    if (slot->first || slot->events || slot->own_id || c->claim_slot == slot) continue;
    c->slots[i] = NULL;
    if (slot == c->urgent) c->urgent = NULL;
    c->over_count--;
    c->over_bytes -= slot->over_bytes;
    en_slot_free(slot);
  }
  while (c->slot_count > 1 && !c->slots[c->slot_count - 1]) c->slot_count--;
}

void en_report(en_connection *c, en_slot *slot, en_event_type type) {
  slot->events |= EN_REPORT(type);
  c->reports = true;
  if (!c->on_event) c->has_news = true;
}

/* ---- ids ---- */

en_slot *en_id_slot(const en_ids *ids, uint32_t id) { return id <= ids->highest ? ids->items[id] : NULL; }

bool en_id_set(en_ids *ids, uint32_t id, en_slot *slot) {
  if (id >= ids->room) {
    uint32_t room = ids->room ? ids->room * 2 : 16;
    en_slot **more = realloc(ids->items, room * sizeof *more);
    if (!more) return false;
    memset(more + ids->room, 0, (room - ids->room) * sizeof *more);
    ids->items = more;
    ids->room = room;
  }
  ids->items[id] = slot;
  if (id > ids->highest) ids->highest = id;
  return true;
}

uint32_t en_id_unused(const en_ids *ids) {
  for (uint32_t id = 1; id <= ids->highest; id++) {
    if (!ids->items[id]) return id;
  }
  return ids->highest < 65535 ? ids->highest + 1 : 0;
}

en_slot *en_slot_of_peer(const en_connection *c, uint32_t id) {
  return id ? en_id_slot(&c->by_peer, id) : c->slots[0];
}

en_slot *en_slot_of_own(const en_connection *c, uint32_t id) {
  return id ? en_id_slot(&c->by_own, id) : c->slots[0];
}

/* ---- control frames ---- */

bool en_control_add(en_connection *c, uint32_t type, uint32_t id, const uint8_t *name, uint32_t length) {
  if (c->state != EN_STATE_CONNECTED) return false;
  if (c->control_count >= 4 * c->own.channels + 64) {
    (void)en_end_with(c, EN_STATE_FAILED, EN_RESOURCE_LIMIT_EXCEEDED,
                      "The peer opens and closes channels without reading the answers.");
    return false;
  }
  if (c->control_count == c->control_room) {
    uint32_t room = c->control_room ? c->control_room * 2 : 16;
    en_control *more = malloc(room * sizeof *more);
    if (!more) goto no_memory;
    for (uint32_t i = 0; i < c->control_count; i++) {
      more[i] = c->controls[(c->control_first + i) % c->control_room];
    }
    free(c->controls);
    c->controls = more;
    c->control_first = 0;
    c->control_room = room;
  }
  uint8_t *copy = NULL;
  if (length) {
    copy = malloc(length);
    if (!copy) goto no_memory;
    memcpy(copy, name, length);
  }
  c->controls[(c->control_first + c->control_count++) % c->control_room] =
      (en_control){type | id << 8, length, copy};
  c->work = true;
  return true;
no_memory:
  (void)en_end_with(c, EN_STATE_FAILED, EN_RESOURCE_LIMIT_EXCEEDED,
                    "There is no memory for a frame of a channel.");
  return false;
}
