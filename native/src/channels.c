/* Named channels: the frames that open and close them, and the calls of a program. Section 7 of the protocol.
 */
#include <stdlib.h>
#include <string.h>

#include "platform.h"
#include "slots.h"

/* The memory of a channel that is over, in bytes and without its messages, and the largest number of such
 * channels. */
#define SLOT_COST 1024u
#define MOST_OVER 4096u

/* ---- opening and ending ---- */

static uint32_t most_channels(const en_connection *c) {
  return c->own.channels < c->peer.channels ? c->own.channels : c->peer.channels;
}

/* Channels that are over but have unread messages take no place of an open one. They have a limit of their
 * own, so that a peer can't fill the memory of this side by opening, sending and closing. */
static bool has_unread_channels(const en_connection *c) {
  return c->over_count >= MOST_OVER || c->over_bytes > (uint64_t)c->own.channels * c->own.window;
}

/* Announces a channel with an id of this side. */
static bool announce(en_connection *c, en_slot *slot) {
  uint32_t id = en_id_unused(&c->by_own);
  if (!id || !en_id_set(&c->by_own, id, slot)) return false;
  slot->own_id = id;
  slot->out = EN_OUT_OPEN;
  c->announced++;
  return en_control_add(c, EN_F_OPEN, id, slot->name, slot->name_length);
}

static void drop_queued(en_connection *c, en_slot *slot) {
  if (slot->queued) c->queued_count--;
  free(slot->queued);
  slot->queued = NULL;
  slot->queued_length = slot->queued_sent = 0;
  slot->queued_begun = slot->abort_due = false;
}

static void finish(en_connection *c, en_slot *slot) {
  if (slot->over) return;
  slot->over = true;
  slot->over_bytes = slot->parked + SLOT_COST;
  c->over_count++;
  c->over_bytes += slot->over_bytes;
  drop_queued(c, slot);
}

/* Ends the channel after both sides have closed it and have the answer: then its ids are free. */
static void check_over(en_connection *c, en_slot *slot) {
  if (slot->in != EN_IN_CLOSED || slot->out != EN_OUT_ANSWERED) return;
  c->by_own.items[slot->own_id] = NULL;
  slot->own_id = 0;
  c->announced--;
  finish(c, slot);
  en_report(c, slot, EN_EVENT_CHANNEL_CLOSED);
}

void en_close_own(en_connection *c, en_slot *slot) {
  if (slot->out != EN_OUT_OPEN) return;
  slot->close_due = true;
  c->work = true;
  if (slot->queued || slot->abort_due || slot->sending || c->claim_slot == slot) return;
  slot->close_due = false;
  slot->out = EN_OUT_CLOSED;
  (void)en_control_add(c, EN_F_CLOSE, slot->own_id, NULL, 0);
}

static en_slot *find_name(const en_connection *c, const uint8_t *name, uint32_t length) {
  for (uint32_t i = 1; i < c->slot_count; i++) {
    en_slot *slot = c->slots[i];
    if (slot && !slot->over && slot->name_length == length && memcmp(slot->name, name, length) == 0)
      return slot;
  }
  return NULL;
}

/* ---- frames of the peer ---- */

static en_status opened(en_connection *c, uint32_t id, const en_frame *frame) {
  uint8_t name[EN_NAME_BYTES];
  if (frame->length < 1 || frame->length > EN_NAME_BYTES) {
    return en_violation(c, "The peer opened a channel with a name of a wrong length.");
  }
  memcpy(name, frame->payload, frame->length);
  if (!en_is_utf8(name, frame->length))
    return en_violation(c, "The peer opened a channel whose name is not UTF-8.");
  bool reused = id != 0 && id <= c->by_peer.highest && !c->by_peer.items[id];
  if (!reused && (id != c->by_peer.highest + 1))
    return en_violation(c, "The peer opened a channel with an id out of turn.");
  en_slot *slot = find_name(c, name, frame->length);
  if (slot && slot->in != EN_IN_NONE) return en_violation(c, "The peer opened a channel twice.");
  bool answer = slot != NULL;
  if (!slot && (c->announced >= most_channels(c) || has_unread_channels(c))) {
    if (en_id_set(&c->by_peer, id, &c->refused)) {
      (void)en_control_add(c, EN_F_REFUSE, id, NULL, 0);
      return c->end.status;
    }
  } else {
    if (!slot) slot = en_slot_add(c, name, frame->length);
    if (slot && en_id_set(&c->by_peer, id, slot)) {
      slot->peer_id = id;
      slot->in = EN_IN_OPEN;
      en_report(c, slot, answer ? EN_EVENT_CHANNEL_ACCEPTED : EN_EVENT_CHANNEL_OPENED);
      if (answer || announce(c, slot)) return EN_OK;
    }
  }
  return en_end_with(c, EN_STATE_FAILED, EN_RESOURCE_LIMIT_EXCEEDED,
                     "There is no memory or no id for a channel.");
}

static en_status refused(en_connection *c, en_slot *slot) {
  if (!slot || !slot->own_id || slot->in != EN_IN_NONE || slot->out >= EN_OUT_ANSWERED) {
    return en_violation(c, "The peer refused a channel that was not announced.");
  }
  bool close_is_on_its_way = slot->out == EN_OUT_CLOSED;
  slot->out = EN_OUT_REFUSED;
  slot->close_due = false;
  finish(c, slot);
  en_report(c, slot, EN_EVENT_CHANNEL_REFUSED);
  if (close_is_on_its_way) {
    slot->out = EN_OUT_RETURNED;
  } else if (c->peer.flags & EN_FLAG_CLOSE) {
    slot->out = EN_OUT_RETURNED;
    (void)en_control_add(c, EN_F_CLOSE, slot->own_id, NULL, 0);
  }
  return c->end.status;
}

static en_status closed_by_peer(en_connection *c, uint32_t id) {
  en_slot *slot = id ? en_id_slot(&c->by_peer, id) : NULL;
  if (!slot) return en_violation(c, "The peer closed a channel that is not open.");
  if (!(c->peer.flags & EN_FLAG_CLOSE)) /* it does not know the answer */
    return en_violation(c, "The peer closed a channel without the flag for it in its greeting.");
  c->by_peer.items[id] = NULL; /* the peer sends nothing more with the id, and may announce it again */
  if (!en_control_add(c, EN_F_CLOSED, id, NULL, 0)) return c->end.status;
  if (slot == &c->refused) return EN_OK;
  slot->in = EN_IN_CLOSED;
  slot->peer_id = 0;
  slot->owed = slot->arriving = 0;
  en_report(c, slot, EN_EVENT_CHANNEL_CLOSING);
  en_close_own(c, slot);
  check_over(c, slot);
  return c->end.status;
}

static en_status close_answered(en_connection *c, en_slot *slot) {
  if (slot && slot->out == EN_OUT_RETURNED) {
    c->by_own.items[slot->own_id] = NULL;
    slot->own_id = 0;
    c->announced--;
    slot->out = EN_OUT_REFUSED;
    return EN_OK;
  }
  if (!slot || slot->out != EN_OUT_CLOSED)
    return en_violation(c, "The peer answered a close that was not sent.");
  slot->out = EN_OUT_ANSWERED;
  check_over(c, slot);
  return EN_OK;
}

en_status en_channel_frame(en_connection *c, uint32_t type, uint32_t id, const en_frame *frame) {
  if (type == EN_F_OPEN) return opened(c, id, frame);
  if (type == EN_F_CLOSE) return closed_by_peer(c, id);
  en_slot *slot = id ? en_id_slot(&c->by_own, id) : NULL;
  return type == EN_F_REFUSE ? refused(c, slot) : close_answered(c, slot);
}

/* ---- the calls of a program ---- */

static en_status refuse_name(const char *name, size_t length) {
  if (length < 1 || length > EN_NAME_BYTES) {
    return en_fail(EN_INVALID_PARAMETER, "The name of a channel has %zu bytes. 1 to 255 are allowed.",
                   length);
  }
  return en_fail(EN_INVALID_PARAMETER, "The name of the channel is not UTF-8: '%.60s'.", name);
}

en_status en_open_channel(en_connection *c, const char *name, int timeout_ms, en_channel *channel) {
  if (!c || !name || !channel) {
    return en_fail(EN_INVALID_PARAMETER, "%s is NULL.", !c ? "connection" : !name ? "name" : "channel");
  }
  *channel = EN_DEFAULT_CHANNEL;
  const uint8_t *bytes = (const uint8_t *)name;
  size_t length = strlen(name);
  if (length < 1 || length > EN_NAME_BYTES || !en_is_utf8(bytes, length)) return refuse_name(name, length);
  int64_t deadline = en_deadline(timeout_ms);
  en_forget(c);
  for (;;) {
    if (c->work) en_flush(c);
    if (c->state != EN_STATE_CONNECTED) return en_ended(c);
    en_slot *slot = *channel ? en_slot_of(c, *channel) : find_name(c, bytes, (uint32_t)length);
    if (*channel && (!slot || slot->over)) {
      return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The peer refused or closed the channel '%.100s'.", name);
    }
    bool closing = slot && (slot->out != EN_OUT_OPEN || slot->close_due || slot->in == EN_IN_CLOSED);
    if (slot && !closing) {
      *channel = slot->number;
      if (slot->in == EN_IN_OPEN || timeout_ms == 0) return EN_OK;
    } else if (!slot) {
      if (c->announced >= most_channels(c)) {
        return en_fail(EN_RESOURCE_LIMIT_EXCEEDED,
                       "The two sides allow %u named channels, and as many are open.", most_channels(c));
      }
      if (has_unread_channels(c)) {
        return en_fail(EN_RESOURCE_LIMIT_EXCEEDED,
                       "%u closed channels with %llu bytes are not read: read them before opening another.",
                       c->over_count, (unsigned long long)c->over_bytes);
      }
      slot = en_slot_add(c, bytes, (uint32_t)length);
      if (!slot || !announce(c, slot)) {
        (void)en_end_with(c, EN_STATE_FAILED, EN_RESOURCE_LIMIT_EXCEEDED,
                          "There is no memory or no id for a channel.");
        return en_ended(c);
      }
      *channel = slot->number;
      en_flush(c);
      if (timeout_ms == 0) return c->state == EN_STATE_CONNECTED ? EN_OK : en_ended(c);
    }
    if (c->holding) return en_fail(EN_WOULD_BLOCK, "A callback with EN_IN_RING can't wait.");
    if (!en_wait_a_while(c, deadline)) {
      return en_fail(timeout_ms ? EN_TIMEOUT : EN_WOULD_BLOCK, "The channel '%.100s' %s.", name,
                     closing ? "is still closing" : "was not answered in time");
    }
  }
}

en_status en_close_channel(en_connection *c, en_channel channel, int timeout_ms) {
  if (!c) return en_fail(EN_INVALID_PARAMETER, "connection is NULL.");
  if (channel == EN_DEFAULT_CHANNEL)
    return en_fail(EN_INVALID_PARAMETER, "The default channel can't be closed.");
  if (c->state != EN_STATE_CONNECTED) return en_ended(c);
  if (!(c->peer.flags & EN_FLAG_CLOSE))
    return en_fail(EN_NOT_SUPPORTED, "The peer is too old to close channels.");
  en_slot *slot = en_slot_of(c, channel);
  if (!slot) return en_fail(EN_CONNECTION_CLOSED, "The channel %llu is over.", (unsigned long long)channel);
  en_close_own(c, slot);
  int64_t deadline = en_deadline(timeout_ms);
  for (;;) {
    en_flush(c);
    if (c->state != EN_STATE_CONNECTED) return en_ended(c);
    slot = en_slot_of(c, channel);
    if (!slot || slot->over || timeout_ms == 0) return EN_OK;
    if (c->holding || !en_wait_a_while(c, deadline)) {
      return en_fail(EN_TIMEOUT, "The peer did not close the channel within %d ms. It still may.",
                     timeout_ms);
    }
  }
}
