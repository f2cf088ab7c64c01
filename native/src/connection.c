/* The life of a connection, and the functions that describe it. */
#include "connection.h"

#include <stdlib.h>
#include <string.h>

#include "platform.h"

/* At most this time between two looks counts against the peer, in milliseconds, because this side did not
 * look in between. */
#define LONGEST_LOOK_MS 500

static _Atomic uint32_t *word(uint8_t *region, uint32_t offset) {
  return (_Atomic uint32_t *)(void *)(region + offset);
}

/* Takes ownership of the link and the region. On failure the caller still owns them. */
en_status en_connection_make(en_link link, uint8_t *region, uint32_t region_size, bool is_server,
                             const en_limits *peer, const en_settings *settings, en_connection **out) {
  en_connection *c = calloc(1, sizeof *c);
  if (!c) return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a connection.");
  uint32_t capacity = (region_size - 256) / 2 & ~7u;
  uint32_t mine = is_server ? 64 : 128, theirs = is_server ? 128 : 64;
  uint32_t declared = is_server ? 192 : 200, declares = is_server ? 200 : 192;
  uint8_t *from_server = region + 256, *from_client = region + 256 + capacity;
  c->link = link;
  c->region = region;
  c->region_size = region_size;
  c->is_server = is_server;
  c->out = (en_ring){.bytes = is_server ? from_server : from_client, .capacity = capacity};
  c->out.tail = word(region, mine);
  c->out.head = word(region, theirs + 4);
  c->in = (en_ring){.bytes = is_server ? from_client : from_server, .capacity = capacity};
  c->in.tail = word(region, theirs);
  c->in.head = word(region, mine + 4);
  c->own_closed = word(region, mine + 8);
  c->peer_closed = word(region, theirs + 8);
  c->own_sleeps = word(region, declared);
  c->own_needs = word(region, declared + 4);
  c->peer_sleeps = word(region, declares);
  c->peer_needs = word(region, declares + 4);
  c->peer_process = en_link_process(link);
  en_get_library(region + (is_server ? EN_CLIENT_LIBRARY : EN_SERVER_LIBRARY), c->peer_library);
  c->own = en_settings_limits(settings);
  c->peer = *peer;
  c->longest_message = c->own.max_message < peer->max_message ? c->own.max_message : peer->max_message;
  uint32_t frame = en_ring_longest(capacity), half = peer->window / 2 - EN_FRAME_COST;
  c->longest_frame = frame < half ? frame : half;
  c->unresponsive_after_ms = settings->unresponsive_after_ms;
  c->spin_us = settings->spin_us;
  c->end.status = EN_OK;
  strcpy(c->end.message, "The connection stands.");
  c->look = true;
  en_slot *first = en_slot_add(c, NULL, 0);
  if (!first) {
    free(c->slots);
    free(c);
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a connection.");
  }
  first->out = EN_OUT_OPEN;
  first->in = EN_IN_OPEN;
  *out = c;
  return EN_OK;
}

en_status en_ended(en_connection *c) { return en_fail_copy(&c->end); }

en_status en_end_with(en_connection *c, en_state state, en_status status, const char *why) {
  if (c->state != EN_STATE_CONNECTED) return c->end.status;
  c->state = state;
  c->end_due = true;
  c->end.status = status;
  (void)strncpy(c->end.message, why, sizeof c->end.message - 1);
  en_link_end(c->link);
  if (c->places) {
    (void)atomic_fetch_sub(&c->places->used, 1);
    if (atomic_fetch_sub(&c->places->owners, 1) == 1) free(c->places);
    c->places = NULL;
  }
  return status;
}

en_status en_violation(en_connection *c, const char *why) {
  return en_end_with(c, EN_STATE_FAILED, EN_INVALID_MESSAGE, why);
}

en_status en_corrupt(en_connection *c, const char *why) {
  return en_end_with(c, EN_STATE_FAILED, EN_SHARED_MEMORY_CORRUPTED, why);
}

/* A peer that leaves bytes unread and takes none is unresponsive after a while. */
void en_watch_peer(en_connection *c, int64_t now) {
  if (c->state != EN_STATE_CONNECTED) return;
  if (!en_ring_look_at_head(&c->out)) {
    (void)en_corrupt(c, "The peer wrote an impossible head.");
    return;
  }
  uint32_t head = c->out.other;
  int64_t passed = now - c->watch_last;
  c->watch_last = now;
  if (head == c->out.position || head != c->watch_head) {
    c->watch_idle = 0;
  } else if (c->watch_unread) { /* the age of bytes that a look finds first is unknown */
    c->watch_idle += passed < LONGEST_LOOK_MS ? passed : LONGEST_LOOK_MS;
  }
  c->watch_unread = head != c->out.position;
  c->watch_head = head;
  bool late = c->watch_idle >= c->unresponsive_after_ms;
  if (late == c->unresponsive) return;
  bool is_untold = c->report_unresponsive || c->report_responsive;
  c->unresponsive = late;
  /* A change back takes back the report of the last change, if no callback got it yet. */
  c->report_unresponsive = late && !is_untold;
  c->report_responsive = !late && !is_untold;
}

/* Drops all later messages. It returns the window of those that have arrived, because the peer may need it
 * to end, too. */
static void leave(en_connection *c) {
  c->leaving = true;
  for (uint32_t i = 0; i < c->slot_count; i++) {
    if (!c->slots[i]) continue;
    c->slots[i]->owed += c->slots[i]->parked;
  }
  c->work = true;
  en_flush(c);
}

/* Ends the connection, and sets no error for the program. EN_TIMEOUT: queued messages were lost. Another
 * status: the peer ended it first, and queued messages were lost. */
static en_status say_goodbye(en_connection *c, int timeout_ms) {
  c->quiet = true;
  if (c->state != EN_STATE_CONNECTED) return EN_OK;
  if (c->claiming) (void)en_abort(c);
  int64_t deadline = en_deadline(timeout_ms);
  bool in_time = true;
  en_take_all(c); /* it can still be received afterwards */
  (void)en_take(c, false);
  leave(c);
  while (in_time && c->queued_count > 0 && c->state == EN_STATE_CONNECTED) {
    in_time = !c->holding && en_wait_a_while(c, deadline);
    en_flush(c);
  }
  bool is_first = c->state == EN_STATE_CONNECTED;
  if (is_first) {
    atomic_store(c->own_closed, 1);
    (void)en_end_with(c, EN_STATE_DISCONNECTED, EN_CONNECTION_CLOSED, "This side said goodbye.");
  }
  if (c->queued_count == 0) return EN_OK;
  return is_first ? EN_TIMEOUT : c->end.status;
}

en_status en_disconnect(en_connection *c, int timeout_ms) {
  if (!c) return en_fail(EN_INVALID_PARAMETER, "connection is NULL.");
  en_status status = say_goodbye(c, timeout_ms);
  if (status != EN_TIMEOUT) return status ? en_ended(c) : EN_OK;
  return en_fail(EN_TIMEOUT, "The connection has ended. Not everything could be written within %d ms.",
                 timeout_ms);
}

void en_connection_free(en_connection *c) {
  if (!c) return;
  (void)say_goodbye(c, 0);
  if (c->polling) {
    c->free_due = true;
    return;
  }
  for (uint32_t i = 0; i < c->slot_count; i++) {
    if (c->slots[i]) en_slot_free(c->slots[i]);
  }
  for (; c->control_count > 0; c->control_count--) {
    free(c->controls[c->control_first].name);
    c->control_first = (c->control_first + 1) % c->control_room;
  }
  free(c->controls);
  free(c->slots);
  free(c->by_own.items);
  free(c->by_peer.items);
  free(c->scratch);
  free(c->received);
  free(c->claim_buffer);
  en_link_close(c->link);
  en_region_unmap(c->region, c->region_size);
  free(c);
}

en_state en_get_state(const en_connection *c) { return c ? c->state : EN_STATE_FAILED; }

const en_error *en_get_end(const en_connection *c) {
  static const en_error none = {EN_INVALID_PARAMETER, "connection is NULL."};
  return c ? &c->end : &none;
}

/* Copies the part of a structure that the caller's version has. */
static en_status give(void *to, const void *from, size_t size, const char *what) {
  size_t asked = *(size_t *)to;
  if (asked < sizeof(size_t) || asked > 4096) {
    return en_fail(EN_INVALID_PARAMETER,
                   "%s->size is %zu. Set it to the size of the structure, which is %zu here.", what, asked,
                   size);
  }
  if (asked > size) memset((char *)to + size, 0, asked - size);
  memcpy((char *)to + sizeof(size_t), (const char *)from + sizeof(size_t),
         (asked < size ? asked : size) - sizeof(size_t));
  return EN_OK;
}

en_status en_get_stats(const en_connection *c, en_stats *stats) {
  if (!c || !stats) return en_fail(EN_INVALID_PARAMETER, "%s is NULL.", c ? "stats" : "connection");
  en_stats all = c->stats;
  all.peer_idle_ms = (uint64_t)c->watch_idle;
  return give(stats, &all, sizeof all, "stats");
}

en_status en_get_info(const en_connection *c, en_connection_info *info) {
  if (!c || !info) return en_fail(EN_INVALID_PARAMETER, "%s is NULL.", c ? "info" : "connection");
  en_connection_info all = {.is_server = c->is_server,
                            .region_size = c->region_size,
                            .max_message_size = c->longest_message,
                            .max_frame_size = c->longest_frame,
                            .peer_channel_window = c->peer.window,
                            .peer_max_channels = c->peer.channels,
                            .peer_closes_channels = (c->peer.flags & EN_FLAG_CLOSE) != 0,
                            .peer_process = c->peer_process};
  strcpy(all.peer_library, c->peer_library);
  return give(info, &all, sizeof all, "info");
}

en_status en_get_channel(const en_connection *c, en_channel channel, en_channel_info *info) {
  if (!c || !info) return en_fail(EN_INVALID_PARAMETER, "%s is NULL.", c ? "info" : "connection");
  const en_slot *slot = en_slot_of(c, channel);
  if (!slot) return en_fail(EN_CONNECTION_CLOSED, "The channel %llu is over.", (unsigned long long)channel);
  en_channel_info all = {.name_length = slot->name_length,
                         .send_window = slot->window,
                         .parked_bytes = slot->parked,
                         .queued_bytes = slot->queued_length - slot->queued_sent};
  memcpy(all.name, slot->name, sizeof slot->name);
  if (slot->over || c->state != EN_STATE_CONNECTED)
    all.state = EN_CHANNEL_CLOSED;
  else if (slot->out != EN_OUT_OPEN || slot->close_due || slot->in == EN_IN_CLOSED)
    all.state = EN_CHANNEL_CLOSING;
  else
    all.state = slot->in == EN_IN_OPEN ? EN_CHANNEL_OPEN : EN_CHANNEL_OPENING;
  return give(info, &all, sizeof all, "info");
}
