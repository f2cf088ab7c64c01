/* Checks arriving frames, and delivers or parks them. Sections 4, 6 and 7 of the protocol. */
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "platform.h"

static uint32_t cost(uint32_t length) { return length + EN_FRAME_COST; }

/* Returns consumed window to the peer, half a window at a time. */
static void give_back(en_connection *c, en_slot *slot, uint32_t bytes) {
  if (slot->in != EN_IN_OPEN) return;
  slot->owed += bytes;
  if (slot->owed < c->own.window / 2) return;
  c->work = true;
  if (!c->holding) en_flush(c);
}

static void call(en_connection *c, en_slot *slot, const void *bytes, uint32_t length) {
  en_message message = {bytes, length, slot->number};
  c->stats.messages_received++;
  c->stats.bytes_received += length;
  slot->callback(c, &message, slot->user);
}

/* Makes room in a buffer and keeps its bytes. The buffer grows with the bytes that have arrived, not with
 * the announced length. */
static bool grow(uint8_t **buffer, uint32_t *room, uint32_t length, uint32_t most) {
  if (length <= *room && *buffer) return true;
  uint32_t larger = *room < 2048 ? 4096 : *room < most / 2 ? *room * 2 : most;
  if (larger < length) larger = length;
  uint8_t *moved = realloc(*buffer, larger);
  if (!moved) return false;
  *buffer = moved;
  *room = larger;
  return true;
}

static en_status no_memory(en_connection *c) {
  return en_end_with(c, EN_STATE_FAILED, EN_RESOURCE_LIMIT_EXCEEDED,
                     "There is no memory for an arriving message.");
}

/* Adds a frame to the present message. True: the message is complete. */
static bool assemble(en_connection *c, en_slot *slot, uint32_t type, const uint8_t *bytes, uint32_t length) {
  if (type == EN_F_START) {
    slot->expected = en_get32(bytes);
    slot->assembled = 0;
  } else if (type == EN_F_ABORT) {
    slot->assembled = slot->expected = 0;
  } else if (type == EN_F_FRAGMENT) {
    if (!grow(&slot->assembly, &slot->room, slot->assembled + length, slot->expected)) {
      (void)no_memory(c);
      return false;
    }
    memcpy(slot->assembly + slot->assembled, bytes, length);
    slot->assembled += length;
    return slot->assembled == slot->expected;
  }
  return false;
}

static en_status park(en_connection *c, en_slot *slot, uint32_t type, const uint8_t *bytes, uint32_t length) {
  en_parked *frame = malloc(sizeof *frame + length);
  if (!frame) return no_memory(c);
  frame->next = NULL;
  frame->type = type;
  frame->length = length;
  if (length) memcpy(frame->bytes, bytes, length);
  if (slot->last)
    slot->last->next = frame;
  else
    slot->first = frame;
  slot->last = frame;
  slot->parked += cost(length);
  c->fresh = true;
  return EN_OK;
}

/* Returns the fault of a data frame; NULL: there is none. *word is the length of an announced message. */
static const char *fault(const en_connection *c, const en_slot *slot, uint32_t type, const en_frame *frame,
                         uint32_t *word) {
  uint32_t length = frame->length;
  if (slot->in != EN_IN_OPEN) return "The peer sent on a channel that it has closed.";
  if (length > c->own.max_message && length > 4) return "The peer sent a frame above max_message_size.";
  if (length > c->own.window || cost(length) > c->own.window - slot->outstanding)
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

static void skip(en_connection *c, uint32_t length) {
  uint32_t before = c->in.position;
  en_ring_skip(&c->in, length);
  c->unpublished += c->in.position - before;
}

static en_status data(en_connection *c, uint32_t type, uint32_t id, const en_frame *frame, bool deliver) {
  en_slot *slot = en_slot_of_peer(c, id);
  uint32_t word = 0;
  if (!slot) return en_violation(c, "The peer sent on a channel that was never announced.");
  if (slot == &c->refused) {
    skip(c, frame->length);
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
  uint32_t paid = cost(frame->length), length = frame->length;
  slot->outstanding += paid;
  uint8_t checked[4];
  const uint8_t *bytes = frame->payload;
  if (type == EN_F_START) {
    en_put32(checked, word); /* the peer may have written another word into the ring since */
    bytes = checked;
  }
  if (c->leaving) {
    skip(c, frame->length);
    give_back(c, slot, paid);
    return EN_OK;
  }
  if (!deliver || !slot->callback || slot->first) {
    en_status status = park(c, slot, type, bytes, length);
    skip(c, frame->length);
    return status;
  }
  bool complete = true;
  if (type != EN_F_MESSAGE) {
    complete = assemble(c, slot, type, bytes, length);
    bytes = slot->assembly;
    length = slot->assembled;
  } else if (!(slot->flags & EN_IN_RING)) {
    if (!grow(&c->scratch, &c->scratch_room, length, c->own.max_message)) return no_memory(c);
    memcpy(c->scratch, bytes, length);
    bytes = c->scratch;
  }
  skip(c, frame->length);
  if (complete) {
    c->holding = type == EN_F_MESSAGE && slot->flags & EN_IN_RING;
    call(c, slot, bytes, length);
    c->holding = false;
  }
  give_back(c, slot, paid);
  return c->state == EN_STATE_CONNECTED ? EN_OK : en_ended(c);
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
  skip(c, frame->length);
  return status;
}

/* Publishes the read position, and wakes the peer if it waits for room. A peer that waits has more than half
 * of the ring in use. So before that many bytes were read, there is nobody to wake, and the store needs no
 * order with the peer's declaration. An ordered store takes several times as long while the peer polls. */
static void publish(en_connection *c) {
  if (c->unpublished == 0) return;
  c->unpublished = 0;
  if (c->in.position - c->ordered_head <= c->in.capacity / 2) {
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
    en_word_wake(c->peer_sleeps);
  else
    en_link_wake(c->link);
}

/* Takes the present frames of the ring, so that the call ends even if the peer continues. */
static en_status take_ring(en_connection *c, bool deliver) {
  if (!en_ring_look_at_tail(&c->in)) return en_corrupt(c, "The peer wrote an impossible tail.");
  uint32_t target = c->in.other;
  while (c->state == EN_STATE_CONNECTED && (int32_t)(target - c->in.position) > 0) {
    en_frame frame;
    int got = en_ring_next(&c->in, &frame);
    if (got == EN_RING_CORRUPT) return en_corrupt(c, "The peer wrote an impossible length into the ring.");
    if (got == EN_RING_NONE) break;
    (void)arrived(c, &frame, deliver);
    if (c->unpublished >= c->in.capacity / 8) publish(c);
  }
  publish(c);
  return c->state == EN_STATE_CONNECTED ? EN_OK : en_ended(c);
}

en_status en_take(en_connection *c, bool deliver) {
  if (c->state != EN_STATE_CONNECTED) return en_ended(c);
  if (c->holding) return EN_OK; /* a callback reads the ring */
  uint32_t before = c->in.position;
  en_status status = take_ring(c, deliver);
  if (status || (c->in.position != before && !c->look)) return status;
  int64_t now = en_coarse_ms();
  if (!c->look && now == c->looked_at) return EN_OK;
  c->look = false;
  c->looked_at = now;
  en_link_state link = en_link_drain(c->link);
  if (link == EN_LINK_OPEN) return EN_OK;
  if (link == EN_LINK_ABUSED) return en_violation(c, "The peer passed a descriptor with a wake.");
  status = take_ring(c, deliver); /* what the peer has committed before it ended */
  if (status) return status;
  if (c->leaving)
    return en_end_with(c, EN_STATE_DISCONNECTED, EN_CONNECTION_CLOSED, "Both sides said goodbye.");
  if (atomic_load(c->peer_closed) != 1) {
    return en_end_with(c, EN_STATE_FAILED, EN_PEER_DIED, "The peer ended without a goodbye.");
  }
  return en_end_with(c, EN_STATE_DISCONNECTED, EN_CONNECTION_CLOSED, "The peer said goodbye.");
}

static en_parked *unpark(en_slot *slot) {
  en_parked *frame = slot->first;
  slot->first = frame->next;
  if (!slot->first) slot->last = NULL;
  slot->parked -= cost(frame->length);
  return frame;
}

void en_deliver_parked(en_connection *c) {
  for (uint32_t i = 0; i < c->slot_count; i++) {
    en_slot *slot = c->slots[i];
    while (slot && slot->callback && slot->first && !c->quiet) {
      en_parked *frame = unpark(slot);
      uint32_t paid = cost(frame->length);
      if (frame->type == EN_F_MESSAGE)
        call(c, slot, frame->bytes, frame->length);
      else if (assemble(c, slot, frame->type, frame->bytes, frame->length))
        call(c, slot, slot->assembly, slot->assembled);
      free(frame);
      give_back(c, slot, paid);
    }
  }
}

bool en_has_deliverable(const en_connection *c) {
  for (uint32_t i = 0; i < c->slot_count; i++) {
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
    en_parked *frame = unpark(slot);
    uint32_t paid = cost(frame->length);
    bool complete = frame->type == EN_F_MESSAGE;
    if (complete) {
      *message = (en_message){frame->bytes, frame->length, slot->number};
      c->received = frame;
    } else {
      complete = assemble(c, slot, frame->type, frame->bytes, frame->length);
      free(frame);
      if (complete) {
        *message = (en_message){slot->assembly, slot->assembled, slot->number};
        c->received = slot->assembly;
        slot->assembly = NULL;
        slot->room = 0;
      }
    }
    give_back(c, slot, paid);
    if (!complete) continue;
    c->stats.messages_received++;
    c->stats.bytes_received += message->length;
    return true;
  }
  return false;
}

static bool receive_any(en_connection *c, en_channel channel, en_message *message) {
  if (channel != EN_ANY_CHANNEL) {
    en_slot *slot = en_slot_of(c, channel);
    return slot && receive_from(c, slot, message);
  }
  for (uint32_t i = 0; i < c->slot_count; i++) {
    uint32_t index = (c->receive_turn + i) % c->slot_count;
    en_slot *slot = c->slots[index];
    if (!slot || slot->callback || !receive_from(c, slot, message)) continue;
    c->receive_turn = index + 1;
    return true;
  }
  return false;
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
  if (receive_any(c, channel, message)) return EN_OK;
  (void)en_take(c, false);
  if (c->work) en_flush(c);
  if (receive_any(c, channel, message)) return EN_OK;
  en_forget(c);
  if (channel == EN_ANY_CHANNEL) {
    c->fresh = false;
  } else {
    const en_slot *slot = en_slot_of(c, channel);
    if (!slot || slot->over || slot->in == EN_IN_CLOSED) return en_fail_with(&over);
  }
  return c->state == EN_STATE_CONNECTED ? en_fail_with(&nothing) : en_ended(c);
}

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
