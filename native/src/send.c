/* The calls of a program that send: messages, also in fragments, and claims. Section 7 of the protocol. */
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "platform.h"

static const en_error no_room = {EN_WOULD_BLOCK, "There is no room for the message now. Nothing was sent."};
static const en_error claimed = {EN_WOULD_BLOCK,
                                 "A claim holds the connection until en_commit() or en_abort()."};
static const en_error not_open = {EN_CONNECTION_CLOSED, "The channel is not open for sending any more."};

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
  return en_fail_with(c->claiming ? &claimed : &no_room);
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
  if (c->claiming) return blocked(c, slot, length);
  en_flush_before(c, slot, length);
  if (en_must_wait(c, slot)) return blocked(c, slot, length);
  if (length <= c->longest_frame) {
    if (!en_write_data(c, slot, EN_F_MESSAGE, bytes, (uint32_t)length)) return blocked(c, slot, length);
    en_count_sent(c, length);
    return EN_OK;
  }
  uint8_t *copy = malloc(length);
  if (!copy)
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a message of %zu bytes.", length);
  memcpy(copy, bytes, length);
  enqueue(c, slot, copy, (uint32_t)length);
  return c->state == EN_STATE_CONNECTED ? EN_OK : en_ended(c);
}

bool en_wait_a_while(en_connection *c, int64_t deadline) {
  uint32_t before = c->in.position;
  int left = en_left_ms(deadline);
  (void)en_take(c, false);
  if (c->state != EN_STATE_CONNECTED) return true;
  if (left == 0) return false; /* also if frames came: a peer may send without end */
  if (c->in.position != before) return true;
  en_sleep(c, left, false);
  (void)en_take(c, false);
  return true;
}

/* Repeats until the frame is written. Window comes in frames, so it also takes arriving messages and keeps
 * them. */
static en_status write_waiting(en_connection *c, en_slot *slot, uint32_t type, const void *bytes,
                               uint32_t length, int64_t deadline) {
  for (;;) {
    en_flush_before(c, slot, length);
    if (c->state != EN_STATE_CONNECTED) return en_ended(c);
    if (slot->over ||
        (type == EN_F_MESSAGE || type == EN_F_START ? slot->out != EN_OUT_OPEN || slot->close_due
                                                    : slot->out == EN_OUT_REFUSED)) {
      return en_fail_with(&not_open);
    }
    bool first = type == EN_F_MESSAGE || type == EN_F_START;
    if (!(first && en_must_wait(c, slot)) && en_write_data(c, slot, type, bytes, length)) return EN_OK;
    if (c->state != EN_STATE_CONNECTED) return en_ended(c);
    if (!en_wait_a_while(c, deadline))
      return en_fail(EN_TIMEOUT, "There was no room for the message in time.");
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
  if (!status) en_count_sent(c, length);
  return status;
}

en_status en_claim(en_connection *c, en_channel channel, size_t length, void **bytes) {
  en_slot *slot = NULL;
  if (!bytes) return en_fail(EN_INVALID_PARAMETER, "bytes is NULL. It takes the place to write to.");
  *bytes = NULL;
  en_status status = check_send(c, channel, "", length, &slot);
  if (status) return status;
  if (c->claiming) return en_fail(EN_INVALID_PARAMETER, "A claim is held. Commit or abort it first.");
  en_flush_before(c, slot, length);
  if (en_must_wait(c, slot)) return blocked(c, slot, length);
  if (length <= c->longest_frame) {
    if (slot->window < length + EN_FRAME_COST) return blocked(c, slot, length);
    *bytes = en_reserve(c, (uint32_t)length, &c->claim_skip);
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
  if (c && !c->claiming && c->state != EN_STATE_CONNECTED)
    return en_ended(c); /* en_disconnect() gave it up */
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
    return c->state == EN_STATE_CONNECTED ? EN_OK : en_ended(c);
  }
  en_spend(c, slot, c->claim_length);
  en_ring_publish(&c->out, c->claim_length, EN_F_MESSAGE | slot->own_id << 8, c->claim_skip);
  en_wake_reader(c);
  en_count_sent(c, c->claim_length);
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
