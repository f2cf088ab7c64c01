#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "loop.h"

#define MOST_LENGTHS 512
#define STATUSES 20
/* How many messages one job sends before the next one gets its turn. */
#define AT_A_TIME 64

typedef struct job {
  char *number; /* of the request; NULL: no reply */
  link_t *link;
  entry *channel;
  bool (*step)(struct job *); /* true: done */
  /* sending */
  uint32_t lengths[MOST_LENGTHS], length_count, count, seed, sent;
  uint32_t outcomes[STATUSES];
  uint8_t *bytes; /* the message that waits for room */
  bool ready, awaited, endless, leave;
  /* opening and closing */
  bool asked;
  int64_t deadline;
  struct job *next;
} job;

static job *jobs;

static job *job_add(link_t *link, entry *channel, const char *number, bool (*step)(job *)) {
  job **place = &jobs, *added = calloc(1, sizeof *added);
  CHECK(added);
  while (*place) place = &(*place)->next;
  *place = added;
  added->link = link;
  added->channel = channel;
  added->step = step;
  added->deadline = now_ms() + link->send_timeout_ms;
  if (number) added->number = text_copy(number, strlen(number)).bytes;
  return added;
}

static void job_free(job *done) {
  free(done->number);
  free(done->bytes);
  free(done);
}

static entry *channel_of(link_t *link, const request *r) {
  text name = request_text(r, "channel", "");
  entry *channel = link_entry(link, &name);
  free(name.bytes);
  return channel;
}

/* ---- sending ---- */

static void say_outcomes(const job *sending) {
  json out = {0};
  json_add(&out, "{");
  for (int status = 0; status < STATUSES; status++) {
    if (sending->outcomes[status] == 0) continue;
    const char *name = status == EN_OK ? "ok" : en_status_name((en_status)status);
    json_add(&out, "%s\"%s\":%u", out.length > 1 ? "," : "", name, sending->outcomes[status]);
  }
  json_add(&out, "}");
  reply(sending->number, "%s", out.bytes);
  free(out.bytes);
}

static uint32_t prepare(job *sending) {
  uint32_t length = sending->lengths[sending->sent % sending->length_count];
  if (sending->ready) return length;
  sending->ready = true;
  if (sending->awaited) sending->deadline = now_ms() + sending->link->send_timeout_ms;
  if (sending->number || sending->endless) {
    sending->bytes = realloc(sending->bytes, length + 1);
    CHECK(sending->bytes);
    fill_message(sending->bytes, length, sending->seed + sending->sent);
  }
  return length;
}

static bool step_send(job *sending) {
  for (int i = 0; i < AT_A_TIME && (sending->endless || sending->sent < sending->count); i++) {
    uint32_t length = prepare(sending);
    en_status status = EN_CONNECTION_CLOSED;
    if (sending->channel->exists) {
      status = en_try_send(sending->link->connection, sending->channel->number, sending->bytes, length);
    }
    if (status == EN_WOULD_BLOCK) {
      if (now_ms() < sending->deadline) return false;
      status = EN_TIMEOUT;
    }
    if (sending->endless && status) return true;
    sending->outcomes[status]++;
    sending->sent++;
    sending->ready = false;
  }
  if (sending->endless || sending->sent < sending->count) return false;
  if (sending->leave) {
    link_disconnect(sending->link);
    exit(0);
  }
  if (sending->number) say_outcomes(sending);
  return true;
}

void job_send(link_t *link, const request *r, bool leave) {
  job *sending = job_add(link, channel_of(link, r), r->number, step_send);
  uint32_t from = 0;
  for (const char *length; (length = request_next(r, "length", &from));) {
    CHECK(sending->length_count < MOST_LENGTHS);
    sending->lengths[sending->length_count++] = (uint32_t)strtoul(length, NULL, 10);
  }
  sending->count = request_number(r, "count", sending->length_count);
  sending->seed = request_number(r, "seed", 1);
  sending->awaited = request_number(r, "awaited", 1) != 0;
  sending->leave = leave;
}

void job_send_back(entry *channel, const void *bytes, size_t length) {
  job *sending = job_add(channel->link, channel, NULL, step_send);
  sending->lengths[0] = (uint32_t)length;
  sending->length_count = sending->count = 1;
  sending->bytes = malloc(length + 1);
  CHECK(sending->bytes);
  memcpy(sending->bytes, bytes, length);
}

void job_flood(link_t *link, uint32_t length) {
  text empty = {"", 0};
  job *sending = job_add(link, link_entry(link, &empty), NULL, step_send);
  sending->lengths[0] = length;
  sending->length_count = 1;
  sending->seed = 1;
  sending->endless = true;
  sending->awaited = true;
}

/* ---- opening and closing ---- */

/* The channel has no state of its own once it is over. */
static en_channel_state state_of(const job *waiting) {
  en_channel_info info = {.size = sizeof info};
  if (en_get_channel(waiting->link->connection, waiting->channel->number, &info)) return EN_CHANNEL_CLOSED;
  return info.state;
}

static bool say(const job *done, en_status status) {
  reply(done->number, "\"%s\"", status == EN_OK ? "ok" : en_status_name(status));
  return true;
}

static bool step_open(job *opening) {
  entry *channel = opening->channel;
  en_connection *connection = opening->link->connection;
  if (en_get_state(connection) != EN_STATE_CONNECTED) return say(opening, EN_CONNECTION_CLOSED);
  en_channel number;
  en_status status = en_open_channel(connection, channel->name.bytes, 0, &number);
  if (number == EN_DEFAULT_CHANNEL) {
    /* A channel of that name is still closing. */
    if (status == EN_WOULD_BLOCK && now_ms() < opening->deadline) return false;
    return say(opening, status);
  }
  channel->exists = true;
  channel->number = number;
  entry_apply(channel);
  /* As in Node.js: the announcement is sent, and a refusal comes later. */
  return say(opening, EN_OK);
}

void job_open(link_t *link, const request *r) {
  (void)job_add(link, channel_of(link, r), r->number, step_open);
}

static bool step_close(job *closing) {
  entry *channel = closing->channel;
  en_connection *connection = closing->link->connection;
  if (!channel->exists) return say(closing, EN_OK);
  if (!closing->asked) {
    en_status status = en_close_channel(connection, channel->number, 0);
    /* In the contract it is no failure to close a channel that is over. */
    if (status == EN_CONNECTION_CLOSED && en_get_state(connection) == EN_STATE_CONNECTED) status = EN_OK;
    if (status != EN_OK && status != EN_WOULD_BLOCK) return say(closing, status);
    closing->asked = true;
  }
  if (state_of(closing) == EN_CHANNEL_CLOSED) return say(closing, EN_OK);
  return now_ms() < closing->deadline ? false : say(closing, EN_TIMEOUT);
}

void job_close(link_t *link, const request *r) {
  (void)job_add(link, channel_of(link, r), r->number, step_close);
}

/* ---- all of them ---- */

/* A channel's messages keep their order. */
static bool is_first_of_channel(const job *sending) {
  for (const job *other = jobs; other != sending; other = other->next) {
    if (other->channel == sending->channel && other->step == step_send) return false;
  }
  return true;
}

bool jobs_run(void) {
  bool moved = false;
  for (job **place = &jobs; *place;) {
    job *each = *place;
    uint32_t before = each->sent;
    bool turn = each->step != step_send || is_first_of_channel(each);
    if (turn && each->step(each)) {
      *place = each->next;
      job_free(each);
      moved = true;
      continue;
    }
    moved = moved || each->sent != before;
    place = &each->next;
  }
  return moved;
}

bool jobs_waiting(void) { return jobs != NULL; }

static void drop(const link_t *link) {
  for (job **place = &jobs; *place;) {
    job *each = *place;
    bool matches = link ? each->link == link : each->endless;
    if (!matches) {
      place = &each->next;
      continue;
    }
    *place = each->next;
    job_free(each);
  }
}

void jobs_stop_flooding(void) { drop(NULL); }

void jobs_forget(const link_t *link) { drop(link); }
