/* Assembles messages, keeps frames until the program takes them, and gives messages to the program. Section 7
 * of the protocol. */
#include "messages.h"

#include <stdlib.h>
#include <string.h>

bool en_grow(uint8_t **buffer, uint32_t *room, uint32_t length, uint32_t most) {
  if (length <= *room && *buffer) return true;
  uint32_t larger = *room < 2048 ? 4096 : *room < most / 2 ? *room * 2 : most;
  if (larger < length) larger = length;
  uint8_t *moved = realloc(*buffer, larger);
  if (!moved) return false;
  *buffer = moved;
  *room = larger;
  return true;
}

en_status en_no_memory(en_connection *c) {
  return en_end_with(c, EN_STATE_FAILED, EN_RESOURCE_LIMIT_EXCEEDED,
                     "There is no memory for an arriving message.");
}

bool en_assemble(en_connection *c, en_slot *slot, uint32_t type, const uint8_t *bytes, uint32_t length) {
  if (type == EN_F_START) {
    slot->expected = en_get32(bytes);
    slot->assembled = 0;
  } else if (type == EN_F_ABORT) {
    slot->assembled = slot->expected = 0;
  } else if (type == EN_F_FRAGMENT) {
    if (!en_grow(&slot->assembly, &slot->room, slot->assembled + length, slot->expected)) {
      (void)en_no_memory(c);
      return false;
    }
    memcpy(slot->assembly + slot->assembled, bytes, length);
    slot->assembled += length;
    return slot->assembled == slot->expected;
  }
  return false;
}

en_status en_park(en_connection *c, en_slot *slot, uint32_t type, const uint8_t *bytes, uint32_t length) {
  en_parked *frame = malloc(sizeof *frame + length);
  if (!frame) return en_no_memory(c);
  frame->next = NULL;
  frame->type = type;
  frame->length = length;
  if (length) memcpy(frame->bytes, bytes, length);
  if (slot->last)
    slot->last->next = frame;
  else
    slot->first = frame;
  slot->last = frame;
  slot->parked += en_cost(length);
  c->parked_frames++;
  c->fresh = true;
  return EN_OK;
}

static en_parked *unpark(en_connection *c, en_slot *slot) {
  en_parked *frame = slot->first;
  slot->first = frame->next;
  if (!slot->first) slot->last = NULL;
  slot->parked -= en_cost(frame->length);
  c->parked_frames--;
  return frame;
}

void en_call_assembled(en_connection *c, en_slot *slot) {
  uint8_t *bytes = slot->assembly;
  uint32_t room = slot->room;
  slot->assembly = NULL;
  slot->room = 0;
  bytes = en_call(c, slot, bytes, bytes, slot->assembled);
  if (!bytes) return;
  if (slot->assembly) {
    free(bytes);
  } else {
    slot->assembly = bytes;
    slot->room = room;
  }
}

/* Hands the frames to the callback that are parked now. A callback that waits parks more, and those are for
 * the next call. */
static void deliver_from(en_connection *c, en_slot *slot) {
  uint32_t left = slot ? slot->parked : 0;
  while (left > 0 && slot->callback && slot->first && !c->quiet) {
    en_parked *frame = unpark(c, slot);
    uint32_t paid = en_cost(frame->length);
    if (frame->type == EN_F_MESSAGE)
      frame = en_call(c, slot, frame, frame->bytes, frame->length);
    else if (en_assemble(c, slot, frame->type, frame->bytes, frame->length))
      en_call_assembled(c, slot);
    free(frame);
    en_give_back(c, slot, paid);
    left -= paid < left ? paid : left;
  }
}

void en_deliver_parked(en_connection *c) {
  if (c->parked_frames == 0) return;
  deliver_from(c, c->urgent);
  for (uint32_t i = 0; i < c->slot_count; i++) deliver_from(c, c->slots[i]);
}

bool en_has_deliverable(const en_connection *c) {
  for (uint32_t i = 0; c->parked_frames > 0 && i < c->slot_count; i++) {
    const en_slot *slot = c->slots[i];
    if (slot && slot->first && slot->callback && !c->quiet) return true;
  }
  return false;
}

/* ---- the calls of a program ---- */

static const en_error nothing = {EN_WOULD_BLOCK, "No message has arrived."};
static const en_error over = {EN_CONNECTION_CLOSED,
                              "The channel has been closed, and every message of it was received."};

/* Takes a whole message from the parked frames of a channel. */
static bool receive_from(en_connection *c, en_slot *slot, en_message *message) {
  while (slot->first) {
    en_parked *frame = unpark(c, slot);
    uint32_t paid = en_cost(frame->length);
    bool complete = frame->type == EN_F_MESSAGE;
    if (complete) {
      *message = (en_message){frame->bytes, frame->length, slot->number};
      c->received = frame;
    } else {
      complete = en_assemble(c, slot, frame->type, frame->bytes, frame->length);
      free(frame);
      if (complete) {
        *message = (en_message){slot->assembly, slot->assembled, slot->number};
        c->received = slot->assembly;
        slot->assembly = NULL;
        slot->room = 0;
      }
    }
    en_give_back(c, slot, paid);
    if (!complete) continue;
    c->stats.messages_received++;
    c->stats.bytes_received += message->length;
    return true;
  }
  return false;
}

static bool receive_urgent(en_connection *c, en_message *message) {
  c->gave_urgent = c->urgent && !c->urgent->callback && receive_from(c, c->urgent, message);
  return c->gave_urgent;
}

/* The channels take turns, and `control` has every second one, so that the others neither delay it nor
 * starve. */
static bool receive_any(en_connection *c, en_message *message) {
  if (!c->gave_urgent && receive_urgent(c, message)) return true;
  for (uint32_t i = 0; i < c->slot_count; i++) {
    uint32_t index = (c->receive_turn + i) % c->slot_count;
    en_slot *slot = c->slots[index];
    if (!slot || slot == c->urgent || slot->callback || !receive_from(c, slot, message)) continue;
    c->receive_turn = index + 1;
    c->gave_urgent = false;
    return true;
  }
  return receive_urgent(c, message);
}

static bool receive_kept(en_connection *c, en_channel channel, en_message *message) {
  if (channel == EN_ANY_CHANNEL) return receive_any(c, message);
  en_slot *slot = en_slot_of(c, channel);
  return slot && receive_from(c, slot, message);
}

en_status en_receive(en_connection *c, en_channel channel, en_message *message) {
  if (!c || !message) return en_fail(EN_INVALID_PARAMETER, "%s is NULL.", c ? "message" : "connection");
  *message = (en_message){"", 0, EN_DEFAULT_CHANNEL};
  if (channel != EN_ANY_CHANNEL) {
    const en_slot *slot = en_slot_of(c, channel);
    if (!slot) return c->state == EN_STATE_CONNECTED ? en_fail_with(&over) : en_ended(c);
    if (slot->callback) return en_fail(EN_ALREADY_EXISTS, "The channel's consumer is a callback.");
  }
  free(c->received);
  c->received = NULL;
  /* A message of `control` that is still in the ring goes before those that wait. */
  bool looks_first = channel == EN_ANY_CHANNEL && c->urgent;
  if (!looks_first && receive_kept(c, channel, message)) return EN_OK;
  (void)en_take(c, false);
  if (c->work) en_flush(c);
  if (receive_kept(c, channel, message)) return EN_OK;
  en_forget(c);
  if (channel == EN_ANY_CHANNEL) {
    c->fresh = false;
  } else {
    const en_slot *slot = en_slot_of(c, channel);
    if (!slot || slot->over || slot->in == EN_IN_CLOSED) return en_fail_with(&over);
  }
  return c->state == EN_STATE_CONNECTED ? en_fail_with(&nothing) : en_ended(c);
}

void *en_take_message(en_connection *c) {
  if (!c) return NULL;
  void *memory = c->called;
  c->called = NULL;
  return memory;
}

void en_free(void *memory) { free(memory); }

en_status en_on_message(en_connection *c, en_channel channel, en_message_callback callback, void *user,
                        unsigned flags) {
  if (!c) return en_fail(EN_INVALID_PARAMETER, "connection is NULL.");
  if (flags & ~EN_IN_RING)
    return en_fail(EN_INVALID_PARAMETER, "flags is %u. 0 and EN_IN_RING are allowed.", flags);
  en_slot *slot = en_slot_of(c, channel);
  if (!slot) return en_fail_with(&over);
  slot->callback = callback;
  slot->user = user;
  slot->flags = flags;
  return EN_OK;
}
