/* Takes frames off the ring, checks them, and delivers or parks them. Sections 4, 6 and 7 of the protocol. */
#include <string.h>

#include "connection.h"
#include "messages.h"
#include "platform.h"

/* Returns the fault of a data frame; NULL: there is none. *word is the length of an announced message. */
static const char *fault(const en_connection *c, const en_slot *slot, uint32_t type, const en_frame *frame,
                         uint32_t *word) {
  uint32_t length = frame->length;
  if (length > c->own.max_message) return "The peer sent a frame above max_message_size.";
  if (length > c->own.window || en_cost(length) > c->own.window - slot->outstanding)
    return "The peer sent more than the window.";
  if ((type == EN_F_FRAGMENT || type == EN_F_ABORT) != (slot->arriving > 0))
    return "The peer mixed two messages.";
  if (type == EN_F_START) {
    if (length != 4) return "The peer announced a message without its length.";
    uint8_t copy[4];
    memcpy(copy, frame->payload, 4);
    *word = en_get32(copy);
    if (*word == 0 || *word > c->own.max_message)
      return "The peer announced a message of a length that is not allowed.";
  }
  if (type == EN_F_FRAGMENT && (length == 0 || length > slot->arriving))
    return "The peer sent a fragment of a wrong length.";
  return NULL;
}

static en_status data(en_connection *c, uint32_t type, uint32_t id, const en_frame *frame, bool deliver) {
  en_slot *slot = en_slot_of_peer(c, id);
  uint32_t word = 0;
  if (!slot) return en_violation(c, "The peer sent on a channel that is not open.");
  if (slot == &c->refused) {
    en_ring_skip(&c->in, frame->length);
    return EN_OK;
  }
  const char *why = fault(c, slot, type, frame, &word);
  if (why) return en_violation(c, why);
  if (type == EN_F_START)
    slot->arriving = word;
  else if (type == EN_F_FRAGMENT)
    slot->arriving -= frame->length;
  else if (type == EN_F_ABORT)
    slot->arriving = 0;
  uint32_t paid = en_cost(frame->length), length = frame->length;
  slot->outstanding += paid;
  uint8_t checked[4];
  const uint8_t *bytes = frame->payload;
  if (type == EN_F_START) {
    en_put32(checked, word); /* the peer may have written another word into the ring since */
    bytes = checked;
  }
  if (c->leaving) {
    en_ring_skip(&c->in, frame->length);
    en_give_back(c, slot, paid);
    return EN_OK;
  }
  if (!deliver || !slot->callback || slot->first) {
    en_status status = en_park(c, slot, type, bytes, length);
    en_ring_skip(&c->in, frame->length);
    return status;
  }
  bool complete = true;
  if (type != EN_F_MESSAGE) {
    complete = en_assemble(c, slot, type, bytes, length);
  } else if (!(slot->flags & EN_IN_RING)) {
    if (!en_grow(&c->scratch, &c->scratch_room, length, c->own.max_message)) return en_no_memory(c);
    memcpy(c->scratch, bytes, length);
    bytes = c->scratch;
  }
  en_ring_skip(&c->in, frame->length);
  if (complete && type != EN_F_MESSAGE) {
    en_call_assembled(c, slot);
  } else if (complete) {
    c->holding = slot->flags & EN_IN_RING;
    if (c->holding) {
      (void)en_call(c, slot, NULL, bytes, length);
    } else {
      c->scratch = en_call(c, slot, c->scratch, bytes, length);
      if (!c->scratch) c->scratch_room = 0;
    }
    c->holding = false;
  }
  en_give_back(c, slot, paid);
  return c->end.status;
}

static en_status window_came(en_connection *c, uint32_t id, const en_frame *frame) {
  en_slot *slot = en_slot_of_own(c, id);
  uint8_t copy[4] = {0};
  if (frame->length == 4) memcpy(copy, frame->payload, 4);
  uint32_t word = en_get32(copy);
  if (!slot || slot->out == EN_OUT_ANSWERED) {
    return en_violation(c, "The peer gave window back for a channel that was not announced.");
  }
  if (frame->length != 4 || word == 0 || word > slot->spent) {
    return en_violation(c, "The peer gave back window that was not used.");
  }
  slot->spent -= word;
  slot->window += word;
  c->work = true;
  return EN_OK;
}

static en_status arrived(en_connection *c, const en_frame *frame, bool deliver) {
  uint32_t type = frame->header & 0xff, id = frame->header >> 8 & 0xffff;
  if (frame->header >> 24 || type > EN_F_CLOSED)
    return en_violation(c, "The peer sent a frame of an unknown type.");
  if (type <= EN_F_ABORT) return data(c, type, id, frame, deliver);
  en_status status = type == EN_F_UPDATE ? window_came(c, id, frame) : en_channel_frame(c, type, id, frame);
  en_ring_skip(&c->in, frame->length);
  return status;
}

/* A peer that waits for room has more than half of the ring in use. So before that many bytes were read,
 * there is nobody to wake, and the store needs no order with the peer's declaration. */
static bool may_have_to_wake(const en_connection *c) {
  return c->in.position - c->ordered_head > c->in.capacity / 2;
}

/* An ordered store takes several times as long while the peer polls. */
void en_publish_head(en_connection *c) {
  if (c->in.position == c->published_head || c->holding) return; /* a callback may read the ring */
  c->published_head = c->in.position;
  if (!may_have_to_wake(c)) {
    atomic_store_explicit(c->in.head, c->in.position, memory_order_release);
    return;
  }
  c->ordered_head = c->in.position;
  atomic_store(c->in.head, c->in.position);
  if (!atomic_load(c->peer_needs)) return;
  if (!en_ring_look_at_tail(&c->in)) {
    (void)en_corrupt(c, "The peer wrote an impossible tail.");
    return;
  }
  if (c->in.other - c->in.position > c->in.capacity / 2) return;
  if (!atomic_exchange(c->peer_needs, 0)) return;
  uint32_t asleep = 2;
  if (atomic_compare_exchange_strong(c->peer_sleeps, &asleep, 0))
    en_word_wake(c->region, c->peer_sleeps);
  else
    en_link_wake(c->link);
}

/* Takes the frames before the last tail that was read. */
static en_status take_known(en_connection *c, bool deliver) {
  uint32_t target = c->in.other;
  while (c->state == EN_STATE_CONNECTED && (int32_t)(target - c->in.position) > 0) {
    en_frame frame;
    int got = en_ring_next(&c->in, &frame);
    if (got == EN_RING_CORRUPT) return en_corrupt(c, "The peer wrote an impossible length into the ring.");
    if (got == EN_RING_NONE) break;
    (void)arrived(c, &frame, deliver);
    if (c->in.position - c->published_head >= c->in.capacity / 8) en_publish_head(c);
  }
  return c->end.status;
}

/* Takes the present frames of the ring, so that the call ends even if the peer continues. A side that spins
 * takes those that en_wait() has just seen, and publishes its position later: when it finds nothing, or when
 * the clock changes. A look at the peer's tail, or a store beside the own one, takes a cache line away from a
 * peer that needs it for the next message. */
static en_status take_ring(en_connection *c, bool deliver, bool at_once) {
  bool has_seen = c->in.other != c->in.position;
  en_status status = take_known(c, deliver);
  if (!status && (at_once || !has_seen)) {
    if (!en_ring_look_at_tail(&c->in)) return en_corrupt(c, "The peer wrote an impossible tail.");
    status = take_known(c, deliver);
  }
  if (!status && (at_once || may_have_to_wake(c))) en_publish_head(c);
  return status;
}

/* A callback that reads the ring is not disturbed: the bytes stay until the position is published. */
void en_take_all(en_connection *c) {
  if (c->state == EN_STATE_CONNECTED) (void)take_ring(c, false, true);
}

en_status en_take(en_connection *c, bool deliver) {
  if (c->state != EN_STATE_CONNECTED) return c->end.status;
  if (c->holding) return EN_OK; /* a callback reads the ring */
  uint32_t before = c->in.position;
  int64_t now = en_coarse_ms();
  en_status status = take_ring(c, deliver, c->spin_us == 0 || now != c->taken_at);
  c->taken_at = now;
  if (status) return status;
  if (!c->look && (c->in.position != before || now == c->looked_at)) return EN_OK;
  c->look = false;
  c->looked_at = now;
  en_link_state link = en_link_drain(c->link);
  if (link == EN_LINK_OPEN) return EN_OK;
  if (link == EN_LINK_ABUSED) return en_violation(c, "The peer passed a descriptor with a wake.");
  status = take_ring(c, deliver, true); /* what the peer has committed before it ended */
  if (status) return status;
  if (c->leaving)
    return en_end_with(c, EN_STATE_DISCONNECTED, EN_CONNECTION_CLOSED,
                       "The peer ended before this side said goodbye.");
  if (atomic_load(c->peer_closed) != 1) {
    return en_end_with(c, EN_STATE_FAILED, EN_PEER_DIED, "The peer ended without a goodbye.");
  }
  return en_end_with(c, EN_STATE_DISCONNECTED, EN_CONNECTION_CLOSED, "The peer said goodbye.");
}
