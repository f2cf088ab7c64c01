/* Writes frames: those of a message, and what waits for room or for window. Sections 4, 5 and 7 of the
 * protocol. */
#include "frames.h"

#include <stdlib.h>
#include <string.h>

#include "platform.h"

void en_wake_reader(en_connection *c) {
  uint32_t how = atomic_load(c->peer_sleeps);
  if (how == 0) return;
  if (!atomic_compare_exchange_strong(c->peer_sleeps, &how, 0)) return;
  if (how == 2)
    en_word_wake(c->region, c->peer_sleeps);
  else
    en_link_wake(c->link);
}

uint8_t *en_reserve(en_connection *c, uint32_t length, uint32_t *skip) {
  bool corrupt = false;
  uint8_t *at = en_ring_reserve(&c->out, length, skip, &corrupt);
  if (!at && !corrupt) {
    atomic_store(c->own_needs, 1);
    c->needs_room = true;
    at = en_ring_reserve(&c->out, length, skip, &corrupt);
  }
  if (at && c->needs_room) {
    c->needs_room = false;
    atomic_store(c->own_needs, 0);
  }
  if (corrupt) (void)en_corrupt(c, "The peer wrote an impossible head.");
  return at;
}

bool en_write_frame(en_connection *c, uint32_t type, uint32_t id, const void *bytes, uint32_t length) {
  uint32_t skip;
  uint8_t *at = en_reserve(c, length, &skip);
  if (!at) return false;
  if (length) memcpy(at, bytes, length);
  en_ring_publish(&c->out, length, type | id << 8, skip);
  en_wake_reader(c);
  return true;
}

void en_spend(en_connection *c, en_slot *slot, uint32_t length) {
  c->was_urgent = slot == c->urgent;
  slot->window -= length + EN_FRAME_COST;
  slot->spent += length + EN_FRAME_COST;
}

bool en_write_data(en_connection *c, en_slot *slot, uint32_t type, const void *bytes, uint32_t length) {
  if (slot->window < length + EN_FRAME_COST || !en_write_frame(c, type, slot->own_id, bytes, length))
    return false;
  en_spend(c, slot, length);
  return true;
}

void en_count_sent(en_connection *c, size_t length) {
  c->stats.messages_sent++;
  c->stats.bytes_sent += length;
}

static bool write_start(en_connection *c, en_slot *slot, uint32_t length) {
  uint8_t word[4];
  en_put32(word, length);
  return en_write_data(c, slot, EN_F_START, word, 4);
}

/* Writes the next frame of the queued message. False: there is no room, or no message is queued. */
static bool write_queued(en_connection *c, en_slot *slot) {
  if (slot->abort_due) {
    if (!en_write_data(c, slot, EN_F_ABORT, NULL, 0)) return false;
    slot->abort_due = false;
    return true;
  }
  if (!slot->queued) return false;
  if (!slot->queued_begun) {
    slot->queued_begun = write_start(c, slot, slot->queued_length);
    return slot->queued_begun;
  }
  uint32_t left = slot->queued_length - slot->queued_sent,
           part = left < c->longest_frame ? left : c->longest_frame;
  if (!en_write_data(c, slot, EN_F_FRAGMENT, slot->queued + slot->queued_sent, part)) return false;
  slot->queued_sent += part;
  if (slot->queued_sent < slot->queued_length) return true;
  en_count_sent(c, slot->queued_length);
  free(slot->queued);
  slot->queued = NULL;
  slot->queued_length = slot->queued_sent = 0;
  slot->queued_begun = false;
  c->queued_count--;
  return true;
}

static bool write_controls(en_connection *c) {
  while (c->control_count > 0) {
    en_control *control = &c->controls[c->control_first];
    if (!en_write_frame(c, control->header & 0xff, control->header >> 8, control->name, control->length))
      return false;
    free(control->name);
    c->control_first = (c->control_first + 1) % c->control_room;
    c->control_count--;
  }
  return true;
}

static bool write_window(en_connection *c, en_slot *slot) {
  if (slot->in != EN_IN_OPEN || slot->owed < c->own.window / 2) return true;
  /* A peer that understands it does not count the messages of this window as received. */
  bool drops = c->leaving && (c->peer.flags & EN_FLAG_DROPPED);
  uint8_t word[4];
  en_put32(word, slot->owed);
  if (!en_write_frame(c, drops ? EN_F_DROPPED : EN_F_UPDATE, slot->peer_id, word, 4)) return false;
  slot->outstanding -= slot->owed;
  slot->owed = 0;
  return true;
}

/* Checks if a send that returned EN_WOULD_BLOCK would succeed now. */
static void look_for_drain(en_connection *c, en_slot *slot) {
  uint32_t skip;
  if (!slot->blocked || slot->queued || slot->abort_due || slot->out != EN_OUT_OPEN || slot->close_due)
    return;
  if (slot->window < slot->blocked_length + EN_FRAME_COST || !en_reserve(c, slot->blocked_length, &skip))
    return;
  slot->blocked = false;
  en_report(c, slot, EN_EVENT_DRAIN);
}

/* Writes one frame of the channel whose turn it is, so that a long message does not delay the others. The
 * channel `control` has every second turn. False: no channel has a frame and room for it. */
static bool write_next(en_connection *c) {
  if (c->urgent && !c->was_urgent && write_queued(c, c->urgent)) return true;
  for (uint32_t i = 0; i < c->slot_count; i++) {
    uint32_t index = (c->turn + i) % c->slot_count;
    en_slot *slot = c->slots[index];
    if (!slot || slot == c->urgent || !write_queued(c, slot)) continue;
    c->turn = index + 1;
    return true;
  }
  return c->urgent && write_queued(c, c->urgent);
}

/* Returns whether the channel `control` was refused room and has it now. The others then wait until the
 * callback for events could send. */
static bool keeps_room(en_connection *c) {
  en_slot *slot = c->urgent;
  if (!slot || !slot->blocked || !c->on_event || c->quiet) return false;
  if (c->was_urgent) (void)write_next(c);
  look_for_drain(c, slot);
  return !slot->blocked;
}

void en_flush(en_connection *c) {
  if (!c->work || c->claiming || c->state != EN_STATE_CONNECTED) return;
  bool done = write_controls(c);
  for (uint32_t i = 0; done && i < c->slot_count; i++) {
    if (c->slots[i]) done = write_window(c, c->slots[i]);
  }
  done = done && !keeps_room(c);
  while (done && c->state == EN_STATE_CONNECTED && write_next(c))
    ;
  for (uint32_t i = 0; done && i < c->slot_count; i++) {
    en_slot *slot = c->slots[i];
    if (!slot || slot->over) continue;
    if (slot->close_due) en_close_own(c, slot);
    look_for_drain(c, slot);
  }
  done = done && write_controls(c);
  c->work = !done;
  for (uint32_t i = 0; !c->work && i < c->slot_count; i++) {
    const en_slot *slot = c->slots[i];
    c->work = slot && !slot->over && (slot->queued || slot->abort_due || slot->blocked || slot->close_due);
  }
}

bool en_must_wait(const en_connection *c, const en_slot *slot) {
  return c->control_count > 0 || slot->queued || slot->abort_due;
}

void en_flush_before(en_connection *c, const en_slot *slot, size_t length) {
  if (!c->work) return;
  bool has_window = slot->window >= EN_FRAME_COST && slot->window - EN_FRAME_COST >= length;
  if (slot != c->urgent || en_must_wait(c, slot) || !has_window)
    en_flush(c);
  else if (c->was_urgent && !c->claiming)
    (void)write_next(c);
}
