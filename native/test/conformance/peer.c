/**
 * The far side of the conformance suite, in C. It does what the lines of its standard input ask, until they
 * end. words.h has their form. The actions are those of PeerActions in packages/conformance.
 *
 * One thread does everything. It sleeps in loop_sleep(), as a program with a loop of its own does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../check.h"
#include "jobs.h"
#include "loop.h"

#define MOST_BACKLOG 64

static en_server *server;
static link_t *links; /* the newest first: it is the one that requests mean */
static en_connection *backlog[MOST_BACKLOG];
static uint32_t backlog_count;
/* The request for the next client. */
static char accept_line[LINE_BYTES];
static request accepting;
static uint32_t server_send_timeout;

/* ---- receiving ---- */

/* receive=CHANNEL,OWNERSHIP,BUSY_MS,ECHO */
static void receive(link_t *link, const request *r) {
  uint32_t from = 0;
  for (const char *value; (value = request_next(r, "receive", &from));) {
    const char *end = strchr(value, ',');
    CHECK(end);
    text name = text_decode(value, (size_t)(end - value));
    entry *channel = link_entry(link, &name);
    free(name.bytes);
    unsigned busy, echo;
    char ownership[16];
    CHECK(sscanf(end, ",%15[^,],%u,%u", ownership, &busy, &echo) == 3);
    channel->wanted = true;
    channel->echo = echo != 0;
    channel->busy_ms = busy;
    channel->flags = strcmp(ownership, "copy") == 0 ? 0 : EN_IN_RING;
    entry_apply(channel);
  }
}

/* ---- connecting and serving ---- */

static en_status with_options(const request *r, en_status (*use)(const char *, const en_options *)) {
  text endpoint = request_text(r, "endpoint", ""), directory = request_text(r, "directory", "");
  text secret = request_text(r, "secret", "");
  uint32_t max_channels = request_number(r, "maxChannels", 256);
  en_options options = {.size = sizeof options,
                        .directory = directory.length ? directory.bytes : NULL,
                        .secret = secret.length ? secret.bytes : NULL,
                        .region_size = request_number(r, "regionSize", 0),
                        .max_message_size = request_number(r, "maxMessageSize", 0),
                        .channel_window = request_number(r, "channelWindow", 0),
                        .max_channels = max_channels ? max_channels : EN_NO_CHANNELS,
                        .connect_timeout_ms = request_number(r, "connectTimeoutMs", 0),
                        .unresponsive_after_ms = request_number(r, "unresponsiveAfterMs", 0)};
  en_status status = use(endpoint.bytes, &options);
  free(endpoint.bytes);
  free(directory.bytes);
  free(secret.bytes);
  return status;
}

static void close_server(void) {
  en_server_free(server);
  server = NULL;
  while (backlog_count) en_connection_free(backlog[--backlog_count]);
  accepting.number = NULL;
}

static en_status use_listen(const char *endpoint, const en_options *options) {
  close_server();
  return en_listen(endpoint, options, &server);
}

static void start_listening(const request *r) {
  text endpoint = request_text(r, "endpoint", "");
  server_send_timeout = request_number(r, "sendTimeoutMs", 5000);
  if (with_options(r, use_listen)) {
    reply(r->number, "!%s: %s", en_status_name(en_last_error()->status), en_last_error()->message);
  } else {
    reply(r->number, "\"shm%%3A%%2F%%2F%s\"", endpoint.bytes);
  }
  free(endpoint.bytes);
}

static link_t *use(en_connection *connection, bool is_client, uint32_t timeout, const request *r) {
  link_t *link = link_make(connection, is_client, timeout);
  link->send_back = job_send_back;
  link->next = links;
  links = link;
  receive(link, r);
  return link;
}

static en_connection *connected;

static en_status use_connect(const char *endpoint, const en_options *options) {
  return en_connect(endpoint, options, &connected);
}

static void start_connecting(const request *r) {
  if (with_options(r, use_connect)) {
    reply(r->number, "\"%s\"", en_status_name(en_last_error()->status));
    return;
  }
  link_start(use(connected, true, request_number(r, "sendTimeoutMs", 5000), r));
  reply(r->number, "\"ok\"");
}

/* Handshakes go on all the time, and a request to accept takes the first client. */
static bool serve(void) {
  bool moved = false;
  while (server && backlog_count < MOST_BACKLOG && en_accept(server, 0, &backlog[backlog_count]) == EN_OK) {
    backlog_count++;
    moved = true;
  }
  if (!accepting.number || backlog_count == 0) return moved;
  en_connection *connection = backlog[0];
  memmove(backlog, backlog + 1, --backlog_count * sizeof *backlog);
  link_t *link = use(connection, false, server_send_timeout, &accepting);
  if (request_number(&accepting, "startReceiving", 1)) link_start(link);
  reply(accepting.number, "null");
  accepting.number = NULL;
  return true;
}

static void reset(void) {
  for (link_t *link; (link = links);) {
    links = link->next;
    jobs_forget(link);
    link_disconnect(link);
    link_free(link);
  }
  close_server();
}

/* ---- requests about the connection ---- */

static entry *channel_of(const request *r) {
  text name = request_text(r, "channel", "");
  entry *channel = link_entry(links, &name);
  free(name.bytes);
  return channel;
}

static bool is_open(const entry *channel) {
  en_channel_info info = {.size = sizeof info};
  if (!channel->exists || en_get_state(links->connection) != EN_STATE_CONNECTED) return false;
  if (en_get_channel(links->connection, channel->number, &info)) return false;
  return info.state == EN_CHANNEL_OPEN || info.state == EN_CHANNEL_OPENING;
}

static void pause_channel(const request *r) {
  entry *channel = channel_of(r);
  channel->wanted = false;
  entry_apply(channel);
}

static void end_now(const request *r) {
  text how = request_text(r, "how", "exit");
  if (strcmp(how.bytes, "throw") == 0) abort();
  _exit(0);
}

/* Actions with another reply than null, or with none yet. False: it is none of them. */
static bool answer(const request *r) {
  const char *action = r->action;
  if (strcmp(action, "send") == 0) {
    job_send(links, r, false);
  } else if (strcmp(action, "sendDisconnectAndExit") == 0) {
    job_send(links, r, true);
  } else if (strcmp(action, "openChannel") == 0) {
    job_open(links, r);
  } else if (strcmp(action, "closeChannel") == 0) {
    job_close(links, r);
  } else if (strcmp(action, "isChannelOpen") == 0) {
    reply(r->number, is_open(channel_of(r)) ? "true" : "false");
  } else if (strcmp(action, "count") == 0) {
    reply(r->number, "%llu", (unsigned long long)channel_of(r)->arrived.count);
  } else if (strcmp(action, "labels") == 0) {
    const json *labels = &channel_of(r)->arrived.labels;
    reply(r->number, "[%s]", labels->length ? labels->bytes : "");
  } else if (strcmp(action, "log") == 0) {
    reply(r->number, "[%s]", links->log.length ? links->log.bytes : "");
  } else if (strcmp(action, "report") == 0) {
    char *report = link_report(links);
    reply(r->number, "%s", report);
    free(report);
  } else {
    return false;
  }
  return true;
}

static void act(const request *r) {
  const char *action = r->action;
  if (strcmp(action, "startReceiving") == 0) {
    link_start(links);
  } else if (strcmp(action, "receive") == 0) {
    receive(links, r);
  } else if (strcmp(action, "pause") == 0) {
    pause_channel(r);
  } else if (strcmp(action, "flood") == 0) {
    job_flood(links, request_number(r, "length", 0));
  } else if (strcmp(action, "disconnect") == 0) {
    jobs_stop_flooding();
    link_disconnect(links);
  } else {
    reply(r->number, "!%s is no action", action);
    return;
  }
  reply(r->number, "null");
}

static void take_request(char *line) {
  static char copy[LINE_BYTES];
  request r;
  (void)snprintf(copy, sizeof copy, "%s", line);
  CHECK(request_read(line, &r));
  if (strcmp(r.action, "listen") == 0) {
    start_listening(&r);
  } else if (strcmp(r.action, "connect") == 0) {
    start_connecting(&r);
  } else if (strcmp(r.action, "accept") == 0) {
    memcpy(accept_line, copy, sizeof accept_line);
    CHECK(request_read(accept_line, &accepting));
  } else if (strcmp(r.action, "end") == 0) {
    end_now(&r);
  } else if (strcmp(r.action, "keepBusy") == 0) {
    keep_busy(request_number(&r, "ms", 0));
    reply(r.number, "null");
  } else if (strcmp(r.action, "closeServer") == 0) {
    close_server();
    reply(r.number, "null");
  } else if (strcmp(r.action, "stopFlooding") == 0) {
    jobs_stop_flooding();
    reply(r.number, "null");
  } else if (strcmp(r.action, "reset") == 0) {
    reset();
    reply(r.number, "null");
  } else if (strcmp(r.action, "count") == 0 && !links) {
    reply(r.number, "0");
  } else if (!links) {
    reply(r.number, "!the peer has no connection yet");
  } else if (!answer(&r)) {
    act(&r);
  }
}

/* ---- the loop ---- */

static void take_line(char *line) {
  take_request(line);
  /* As in Node.js, a send begins before the next request is read. */
  (void)jobs_run();
}

int main(void) {
  int watched[MOST_WATCHED];
  loop_open();
  (void)printf("ready\n");
  (void)fflush(stdout);
  for (;;) {
    bool moved = serve();
    for (link_t *link = links; link; link = link->next) moved = link_poll(link) || moved;
    moved = jobs_run() || moved;
    size_t count = 0;
    if (server) watched[count++] = en_server_descriptor(server);
    for (link_t *link = links; link && count < MOST_WATCHED; link = link->next) {
      if (!link->started || en_get_state(link->connection) != EN_STATE_CONNECTED) continue;
      if (!en_arm(link->connection)) moved = true;
      watched[count++] = en_descriptor(link->connection);
    }
    bool asked = loop_sleep(watched, count, moved ? 0 : jobs_waiting() ? 20 : 500);
    if (asked && !requests_read(take_line)) break;
  }
  reset();
  return 0;
}
