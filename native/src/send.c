/* Sending: frames, windows, messages in fragments and claims. Sections 4, 5 and 7 of the protocol. */
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "platform.h"

static const en_error no_room = {EN_WOULD_BLOCK, "There is no room for the message now. Nothing was sent."};
static const en_error claimed = {EN_WOULD_BLOCK,
                                 "A claim holds the connection until en_commit() or en_abort()."};
static const en_error not_open = {EN_CONNECTION_CLOSED, "The channel is not open for sending any more."};

void en_wake_reader(en_connection *c) {
  uint32_t how = atomic_load(c->peer_sleeps);
  if (how == 0) return;
  if (!atomic_compare_exchange_strong(c->peer_sleeps, &how, 0)) return;
  if (how == 2)
    en_word_wake(c->peer_sleeps);
  else
    en_link_wake(c->link);
}

/* Finds room for a frame. If there is none, it asks the peer to report room. */
static uint8_t *reserve(en_connection *c, uint32_t length, uint32_t *skip) {
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
  uint8_t *at = reserve(c, length, &skip);
  if (!at) return false;
  if (length) memcpy(at, bytes, length);
  en_ring_publish(&c->out, length, type | id << 8, skip);
  en_wake_reader(c);
  return true;
}

static void spend(en_slot *slot, uint32_t length) {
  slot->window -= length + EN_FRAME_COST;
  slot->spent += length + EN_FRAME_COST;
}

/* Writes a frame that uses window. */
static bool write_data(en_connection *c, en_slot *slot, uint32_t type, const void *bytes, uint32_t length) {
  if (slot->window < length + EN_FRAME_COST || !en_write_frame(c, type, slot->own_id, bytes, length))
    return false;
  spend(slot, length);
  return true;
}

static void count_sent(en_connection *c, size_t length) {
  c->stats.messages_sent++;
  c->stats.bytes_sent += length;
}

static bool write_start(en_connection *c, en_slot *slot, uint32_t length) {
  uint8_t word[4];
  en_put32(word, length);
  return write_data(c, slot, EN_F_START, word, 4);
}

/* Writes the next frame of the queued message. False: there is no room, or no message is queued. */
static bool write_queued(en_connection *c, en_slot *slot) {
  if (slot->abort_due) {
    if (!write_data(c, slot, EN_F_ABORT, NULL, 0)) return false;
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
  if (!write_data(c, slot, EN_F_FRAGMENT, slot->queued + slot->queued_sent, part)) return false;
  slot->queued_sent += part;
  if (slot->queued_sent < slot->queued_length) return true;
  count_sent(c, slot->queued_length);
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
  uint8_t word[4];
  en_put32(word, slot->owed);
  if (!en_write_frame(c, EN_F_UPDATE, slot->peer_id, word, 4)) return false;
  slot->outstanding -= slot->owed;
  slot->owed = 0;
  return true;
}

/* Checks if a send that returned EN_WOULD_BLOCK would succeed now. */
static void look_for_drain(en_connection *c, en_slot *slot) {
  uint32_t skip;
  if (!slot->blocked || slot->queued || slot->abort_due || slot->out != EN_OUT_OPEN || slot->close_due)
    return;
  if (slot->window < slot->blocked_length + EN_FRAME_COST || !reserve(c, slot->blocked_length, &skip)) return;
  slot->blocked = false;
  en_report(c, slot, EN_EVENT_DRAIN);
}

void en_flush(en_connection *c) {
  if (!c->work || c->claiming || c->state != EN_STATE_CONNECTED) return;
  bool done = write_controls(c);
  for (uint32_t i = 0; done && i < c->slot_count; i++) {
    if (c->slots[i]) done = write_window(c, c->slots[i]);
  }
  /* The channels take turns, frame by frame, so that a long message does not delay the others. */
  for (bool went = done; went && c->state == EN_STATE_CONNECTED;) {
    went = false;
    for (uint32_t i = 0; i < c->slot_count; i++) {
      en_slot *slot = c->slots[(c->turn + i) % c->slot_count];
      if (slot && !slot->over) went = write_queued(c, slot) || went;
    }
    c->turn++;
  }
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

/* Returns the channel of a send, if it may send. Otherwise the status is set. */
static en_status check_send(en_connection *c, en_channel channel, const void *bytes, size_t length,
                            en_slot **slot) {
  if (!c) return en_fail(EN_INVALID_PARAMETER, "connection is NULL.");
  if (c->state != EN_STATE_CONNECTED) return en_ended(c);
  if (!bytes && length) return en_fail(EN_INVALID_PARAMETER, "bytes is NULL and length is %zu.", length);
  if (length > c->longest_message) {
    return en_fail(EN_MESSAGE_TOO_LARGE, "The message has %zu bytes. Both sides allow %u.", length,
                   c->longest_message);
  }
  *slot = en_slot_of(c, channel);
  if (!*slot || (*slot)->out != EN_OUT_OPEN || (*slot)->close_due) return en_fail_with(&not_open);
  return EN_OK;
}

static en_status blocked(en_connection *c, en_slot *slot, size_t length) {
  if (c->state != EN_STATE_CONNECTED) return en_ended(c);
  slot->blocked = true;
  slot->blocked_length = length < c->longest_frame ? (uint32_t)length : c->longest_frame;
  c->work = true;
  c->stats.would_block_sends++;
  return en_fail_with(&no_room);
}

/* Returns whether an earlier message or frame goes first. */
static bool must_wait(const en_connection *c, const en_slot *slot) {
  return c->control_count > 0 || slot->queued || slot->abort_due;
}

/* Takes ownership of memory with a message. */
static void enqueue(en_connection *c, en_slot *slot, uint8_t *bytes, uint32_t length) {
  slot->queued = bytes;
  slot->queued_length = length;
  c->queued_count++;
  c->work = true;
  en_flush(c);
}

en_status en_try_send(en_connection *c, en_channel channel, const void *bytes, size_t length) {
  en_slot *slot = NULL;
  en_status status = check_send(c, channel, bytes, length, &slot);
  if (status) return status;
  if (c->claiming) {
    c->stats.would_block_sends++;
    return en_fail_with(&claimed);
  }
  if (c->work) en_flush(c);
  if (must_wait(c, slot)) return blocked(c, slot, length);
  if (length <= c->longest_frame) {
    if (!write_data(c, slot, EN_F_MESSAGE, bytes, (uint32_t)length)) return blocked(c, slot, length);
    count_sent(c, length);
    return EN_OK;
  }
  uint8_t *copy = malloc(length);
  if (!copy)
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a message of %zu bytes.", length);
  memcpy(copy, bytes, length);
  enqueue(c, slot, copy, (uint32_t)length);
  return c->state == EN_STATE_CONNECTED ? EN_OK : en_ended(c);
}

en_status en_wait_a_while(en_connection *c, int64_t deadline) {
  uint32_t before = c->in.position;
  (void)en_take(c, false);
  if (c->state != EN_STATE_CONNECTED) return en_ended(c);
  if (c->in.position != before) {
    en_flush(c);
    return EN_OK;
  }
  int left = en_left_ms(deadline);
  if (left == 0) return EN_TIMEOUT;
  en_sleep(c, left);
  (void)en_take(c, false);
  en_flush(c);
  return c->state == EN_STATE_CONNECTED ? EN_OK : en_ended(c);
}

/* Repeats until the frame is written. Window comes in frames, so it also takes arriving messages and keeps
 * them. */
static en_status write_waiting(en_connection *c, en_slot *slot, uint32_t type, const void *bytes,
                               uint32_t length, int64_t deadline) {
  for (;;) {
    if (c->work) en_flush(c);
    if (c->state != EN_STATE_CONNECTED) return en_ended(c);
    if (slot->over ||
        (type == EN_F_MESSAGE || type == EN_F_START ? slot->out != EN_OUT_OPEN || slot->close_due
                                                    : slot->out == EN_OUT_REFUSED)) {
      return en_fail_with(&not_open);
    }
    bool first = type == EN_F_MESSAGE || type == EN_F_START;
    if (!(first && must_wait(c, slot)) && write_data(c, slot, type, bytes, length)) return EN_OK;
    if (c->state != EN_STATE_CONNECTED) return en_ended(c);
    en_status status = en_wait_a_while(c, deadline);
    if (status == EN_TIMEOUT) return en_fail(EN_TIMEOUT, "There was no room for the message in time.");
    if (status) return status;
  }
}

en_status en_send(en_connection *c, en_channel channel, const void *bytes, size_t length, int timeout_ms) {
  en_slot *slot = NULL;
  if (timeout_ms == 0 || (c && (c->holding || c->claiming))) return en_try_send(c, channel, bytes, length);
  en_status status = check_send(c, channel, bytes, length, &slot);
  if (status) return status;
  int64_t deadline = en_deadline(timeout_ms);
  if (length <= c->longest_frame) {
    status = write_waiting(c, slot, EN_F_MESSAGE, bytes, (uint32_t)length, deadline);
  } else {
    uint8_t word[4];
    en_put32(word, (uint32_t)length);
    status = write_waiting(c, slot, EN_F_START, word, 4, deadline);
    if (status) return status;
    slot->sending = true; /* ChannelClose waits for the end of the message */
    for (size_t sent = 0; sent < length && !status;) {
      size_t part = length - sent < c->longest_frame ? length - sent : c->longest_frame;
      status = write_waiting(c, slot, EN_F_FRAGMENT, (const uint8_t *)bytes + sent, (uint32_t)part, deadline);
      if (!status) sent += part;
    }
    slot->sending = false;
    if (status == EN_TIMEOUT) slot->abort_due = true;
    c->work = true;
    en_flush(c);
  }
  if (!status) count_sent(c, length);
  return status;
}

en_status en_claim(en_connection *c, en_channel channel, size_t length, void **bytes) {
  en_slot *slot = NULL;
  if (!bytes) return en_fail(EN_INVALID_PARAMETER, "bytes is NULL. It takes the place to write to.");
  *bytes = NULL;
  en_status status = check_send(c, channel, "", length, &slot);
  if (status) return status;
  if (c->claiming) return en_fail(EN_INVALID_PARAMETER, "A claim is held. Commit or abort it first.");
  if (c->work) en_flush(c);
  if (must_wait(c, slot)) return blocked(c, slot, length);
  if (length <= c->longest_frame) {
    if (slot->window < length + EN_FRAME_COST) return blocked(c, slot, length);
    *bytes = reserve(c, (uint32_t)length, &c->claim_skip);
    if (!*bytes) return blocked(c, slot, length);
  } else {
    c->claim_buffer = malloc(length);
    if (!c->claim_buffer) {
      return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a message of %zu bytes.", length);
    }
    *bytes = c->claim_buffer;
  }
  c->claiming = true;
  c->claim_slot = slot;
  c->claim_length = (uint32_t)length;
  return EN_OK;
}

/* Ends the claim and returns its channel. */
static en_slot *unclaim(en_connection *c) {
  en_slot *slot = c->claim_slot;
  c->claiming = false;
  c->claim_slot = NULL;
  return slot;
}

static en_status check_claim(en_connection *c) {
  if (!c) return en_fail(EN_INVALID_PARAMETER, "connection is NULL.");
  return c->claiming ? EN_OK : en_fail(EN_INVALID_PARAMETER, "No claim is held.");
}

en_status en_commit(en_connection *c) {
  en_status status = check_claim(c);
  if (status) return status;
  en_slot *slot = unclaim(c);
  uint8_t *buffer = c->claim_buffer;
  c->claim_buffer = NULL;
  if (c->state != EN_STATE_CONNECTED || slot->out != EN_OUT_OPEN) {
    free(buffer);
    return c->state != EN_STATE_CONNECTED ? en_ended(c) : en_fail_with(&not_open);
  }
  if (buffer) {
    enqueue(c, slot, buffer, c->claim_length);
  } else {
    spend(slot, c->claim_length);
    en_ring_publish(&c->out, c->claim_length, EN_F_MESSAGE | slot->own_id << 8, c->claim_skip);
    en_wake_reader(c);
    count_sent(c, c->claim_length);
  }
  if (c->work) en_flush(c);
  return EN_OK;
}

en_status en_abort(en_connection *c) {
  en_status status = check_claim(c);
  if (status) return status;
  (void)unclaim(c);
  free(c->claim_buffer);
  c->claim_buffer = NULL;
  c->work = true;
  en_flush(c);
  return EN_OK;
}
