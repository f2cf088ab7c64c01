/* Polling, sleeping and waking. Section 5 of the protocol. */
#include "connection.h"
#include "platform.h"

/* The longest time of one sleep, in milliseconds, because the word for sleeping does not report the peer's
 * death. */
#define SLICE_MS 25

/* After so many waits in a row that ended at once, while this side sent nothing, messages come as a stream.
 */
#define STREAM_WAITS 8u
/* A pass over fewer bytes is short: this side is faster than the peer. */
#define SHORT_PASS 32768u
/* The longest time for which this side then lets messages come, in microseconds. */
#define LONGEST_PAUSE_US 32u

bool en_has_unread(const en_connection *c) { return atomic_load(c->in.tail) != c->in.position; }

/* Returns whether frames came, or the report of room that this side asked for. It takes the report once: a
 * sender that still needs room asks again. */
static bool something_came(en_connection *c) {
  /* The next poll ends the connection because of an impossible tail. */
  if (!en_ring_look_at_tail(&c->in) || c->in.other != c->in.position) return true;
  if (!c->needs_room || atomic_load(c->own_needs) != 0) return false;
  c->needs_room = false;
  return true;
}

void en_sleep(en_connection *c, int ms, bool ends_early) {
  en_publish_head(c);
  atomic_store(c->own_sleeps, 2);
  if (something_came(c) || (ends_early && atomic_load(&c->interrupted))) {
    atomic_store(c->own_sleeps, 0);
    return;
  }
  en_word_wait(c->region, c->own_sleeps, 2, ms < 0 || ms > SLICE_MS ? SLICE_MS : ms);
  if (atomic_exchange(c->own_sleeps, 0) != 0) c->look = true; /* nobody woke this side */
}

/* ---- polling ---- */

static void tell(en_connection *c, en_event_type type, en_status status, en_channel channel) {
  en_event event = {type, status, channel};
  if (c->on_event && !c->quiet) c->on_event(c, &event, c->event_user);
}

static void report_slot(en_connection *c, en_slot *slot) {
  for (uint32_t type = 0; type <= EN_EVENT_DRAIN && slot->events && !c->quiet; type++) {
    uint32_t bit = EN_REPORT(type);
    if (!(slot->events & bit)) continue;
    /* The messages that arrived on the channel come before its end. */
    if (type == EN_EVENT_CHANNEL_CLOSED && slot->first && slot->callback) {
      c->reports = true;
      continue;
    }
    slot->events &= ~bit;
    tell(c, (en_event_type)type, type == EN_EVENT_CHANNEL_REFUSED ? EN_RESOURCE_LIMIT_EXCEEDED : EN_OK,
         slot->number);
  }
}

static void report(en_connection *c) {
  if (c->reports && c->on_event) {
    c->reports = false;
    for (uint32_t i = 0; i < c->slot_count; i++) {
      if (c->slots[i] && c->slots[i]->events) report_slot(c, c->slots[i]);
    }
  }
  if (c->on_event && c->report_unresponsive) {
    c->report_unresponsive = false;
    tell(c, EN_EVENT_UNRESPONSIVE, EN_OK, EN_DEFAULT_CHANNEL);
  }
  if (c->on_event && c->report_responsive) {
    c->report_responsive = false;
    tell(c, EN_EVENT_RESPONSIVE, EN_OK, EN_DEFAULT_CHANNEL);
  }
}

static void report_end(en_connection *c) {
  if (!c->on_event || !c->end_due || c->state == EN_STATE_CONNECTED) return;
  c->end_due = false;
  tell(c, EN_EVENT_END, c->end.status, EN_DEFAULT_CHANNEL);
}

static en_status finish(en_connection *c) {
  c->polling = false;
  en_forget(c);
  if (c->free_due) {
    en_connection_free(c);
    return en_fail(EN_CONNECTION_CLOSED, "A callback freed the connection.");
  }
  return c->state == EN_STATE_CONNECTED ? EN_OK : en_ended(c);
}

static void watch(en_connection *c) {
  int64_t now = en_coarse_ms();
  if (now == c->watched_at) return;
  c->watched_at = now;
  en_watch_peer(c, now);
}

static void disarm(en_connection *c) {
  if (!c->armed) return;
  c->armed = false;
  c->look = true; /* a byte that woke the descriptor has to be taken off */
  atomic_store(c->own_sleeps, 0);
}

en_status en_poll(en_connection *c) {
  if (!c) return en_fail(EN_INVALID_PARAMETER, "connection is NULL.");
  if (c->polling)
    return en_fail(EN_INVALID_PARAMETER, "en_poll() was called from a callback of the connection.");
  disarm(c);
  c->polling = true;
  c->fresh = false;
  en_deliver_parked(c);
  (void)en_take(c, true);
  en_deliver_parked(c);
  if (c->work) en_flush(c);
  watch(c);
  report(c);
  /* A callback may have become the consumer of messages that came before the end. */
  while (c->state != EN_STATE_CONNECTED && en_has_deliverable(c)) {
    en_deliver_parked(c);
    report(c);
  }
  report_end(c);
  if (c->work) en_flush(c); /* the frames that let `control` go first */
  return finish(c);
}

en_status en_on_event(en_connection *c, en_event_callback callback, void *user) {
  if (!c) return en_fail(EN_INVALID_PARAMETER, "connection is NULL.");
  c->on_event = callback;
  c->event_user = user;
  return EN_OK;
}

/* ---- sleeping ---- */

static bool something_to_poll(en_connection *c) {
  bool reported = c->on_event && !c->quiet &&
                  (c->reports || c->report_unresponsive || c->report_responsive || c->end_due);
  if (reported || en_has_deliverable(c)) return true;
  bool is_new = c->fresh || (c->has_news && c->state == EN_STATE_CONNECTED);
  c->fresh = c->has_news = false;
  return is_new;
}

/* Each look at the peer's tail takes the cache line away from the peer, which needs it for the next message.
 * In a stream of messages this side therefore lets some of them come together. The pause grows while they are
 * few. A side that answers makes none, because the peer may wait for the answer. */
static void let_a_stream_come(en_connection *c) {
  uint32_t taken = c->in.position - c->waited_in;
  if (c->stats.messages_sent != c->waited_sent) c->quick_waits = 0;
  c->waited_in = c->in.position;
  c->waited_sent = c->stats.messages_sent;
  if (c->quick_waits < STREAM_WAITS)
    c->pause_us = 0;
  else if (taken < SHORT_PASS)
    c->pause_us = c->pause_us == 0 ? 1 : c->pause_us < LONGEST_PAUSE_US ? c->pause_us * 2 : LONGEST_PAUSE_US;
  else if (taken >= 2 * SHORT_PASS)
    c->pause_us /= 2;
  if (c->pause_us == 0) return;
  for (int64_t end = en_now_us() + c->pause_us; en_now_us() < end;) en_relax();
}

/* Looks for frames for so many microseconds. */
static bool spin(en_connection *c, uint32_t us) {
  if (us == 0) return false;
  int64_t end = en_now_us() + us;
  bool quick = true;
  do {
    for (int i = 0; i < 64; i++) {
      if (something_came(c)) {
        c->quick_waits = quick ? c->quick_waits + 1 : 0;
        return true;
      }
      en_relax();
    }
    if (quick) en_publish_head(c);
    quick = false;
  } while (en_now_us() < end && !atomic_load(&c->interrupted));
  c->quick_waits = 0;
  return false;
}

en_status en_wait(en_connection *c, int timeout_ms) {
  if (!c) return en_fail(EN_INVALID_PARAMETER, "connection is NULL.");
  if (c->polling)
    return en_fail(EN_INVALID_PARAMETER, "en_wait() was called from a callback of the connection.");
  disarm(c);
  int64_t deadline = en_deadline(timeout_ms);
  bool ends_first = timeout_ms >= 0 && (uint32_t)timeout_ms <= c->spin_us / 1000;
  uint32_t spin_us = ends_first ? (uint32_t)timeout_ms * 1000 : c->spin_us;
  for (bool first = true;; first = false) {
    if (atomic_load(&c->interrupted) && atomic_exchange(&c->interrupted, 0))
      return en_fail(EN_ABORTED, "en_interrupt() ended the wait.");
    if (c->work) en_flush(c);
    if (something_to_poll(c)) return EN_OK;
    if (c->state != EN_STATE_CONNECTED) return en_ended(c);
    if (first && spin_us > 0) let_a_stream_come(c);
    if (something_came(c)) return EN_OK;
    if (first && spin(c, spin_us)) return EN_OK;
    int left = en_left_ms(deadline);
    if (left == 0) {
      return timeout_ms == 0 ? en_fail(EN_WOULD_BLOCK, "There is nothing to poll.")
                             : en_fail(EN_TIMEOUT, "Nothing came within %d ms.", timeout_ms);
    }
    en_sleep(c, left, true);
    if (!c->look) continue;
    en_watch_peer(c, en_coarse_ms());
    if (en_link_readable(c->link, 0)) return EN_OK;
    c->look = false;
  }
}

void en_interrupt(en_connection *c) {
  if (!c) return;
  atomic_store(&c->interrupted, 1);
  uint32_t asleep = 2;
  if (atomic_compare_exchange_strong(c->own_sleeps, &asleep, 0)) en_word_wake(c->region, c->own_sleeps);
}

int en_descriptor(const en_connection *c) { return c ? en_link_descriptor(c->link) : -1; }

int en_arm(en_connection *c) {
  if (!c) return 0;
  disarm(c);
  if (c->work) en_flush(c);
  if (something_to_poll(c) || c->state != EN_STATE_CONNECTED) return 0;
  en_publish_head(c);
  atomic_store(c->own_sleeps, 1);
  if (something_came(c)) {
    atomic_store(c->own_sleeps, 0);
    return 0;
  }
  c->armed = true;
  return 1;
}
