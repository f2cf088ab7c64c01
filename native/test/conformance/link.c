#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../check.h"
#include "loop.h"

void keep_busy(uint32_t ms) {
  int64_t end = now_ms() + ms;
  while (now_ms() < end) continue;
}

static void add_item(json *list, const text *item) {
  if (list->length) json_add(list, ",");
  json_text(list, item->bytes, item->length);
}

/* Lines such as `state:connected` and `message:<channel>:<label>`. */
static void add_log(link_t *link, const char *kind, const text *name, const char *label) {
  if (link->logged++ >= MOST_LABELS) return;
  char line[400];
  size_t length = (size_t)snprintf(line, sizeof line, "%s:", kind);
  memcpy(line + length, name->bytes, name->length);
  length += name->length;
  if (label) length += (size_t)snprintf(line + length, sizeof line - length, ":%s", label);
  text whole = {line, length};
  add_item(&link->log, &whole);
}

static void add_state(link_t *link, const char *state, const char *code) {
  text name = text_copy(state, strlen(state));
  add_item(&link->states, &name);
  add_log(link, "state", &name, NULL);
  free(name.bytes);
  if (link->codes.length) json_add(&link->codes, ",");
  if (code) {
    json_add(&link->codes, "\"%s\"", code);
  } else {
    json_add(&link->codes, "null");
  }
}

/* The contract has a state between connected and disconnected. The library reports a goodbye once, after it.
 */
static void add_end(link_t *link, en_status status) {
  if (link->ended) return;
  link->ended = true;
  if (status == EN_CONNECTION_CLOSED) {
    add_state(link, "disconnecting", NULL);
    add_state(link, "disconnected", NULL);
  } else {
    add_state(link, "failed", en_status_name(status));
  }
}

static void on_message(en_connection *connection, const en_message *message, void *user) {
  entry *channel = user;
  char label[LABEL_BYTES];
  (void)connection;
  tally_add(&channel->arrived, message->bytes, message->length, label);
  add_log(channel->link, "message", &channel->name, label);
  if (channel->busy_ms) keep_busy(channel->busy_ms);
  if (channel->echo) channel->link->send_back(channel, message->bytes, message->length);
}

static text name_of(const en_connection *connection, en_channel channel) {
  en_channel_info info = {.size = sizeof info};
  CHECK(en_get_channel(connection, channel, &info) == EN_OK);
  return text_copy(info.name, info.name_length);
}

static void on_event(en_connection *connection, const en_event *event, void *user) {
  link_t *link = user;
  if (event->type == EN_EVENT_END) {
    add_end(link, event->status);
  } else if (event->type == EN_EVENT_DRAIN || event->type == EN_EVENT_CHANNEL_OPENED) {
    text name = name_of(connection, event->channel);
    if (event->type == EN_EVENT_DRAIN) {
      add_item(&link->drains, &name);
    } else {
      entry *channel = link_entry(link, &name);
      channel->exists = true;
      channel->number = event->channel;
      add_item(&link->channels, &name);
      add_log(link, "channel", &name, NULL);
      entry_apply(channel);
    }
    free(name.bytes);
  }
}

link_t *link_make(en_connection *connection, bool is_client, uint32_t send_timeout_ms) {
  link_t *link = calloc(1, sizeof *link);
  text empty = {"", 0};
  CHECK(link);
  link->connection = connection;
  link->send_timeout_ms = send_timeout_ms;
  link_entry(link, &empty)->exists = true;
  if (is_client) {
    add_state(link, "connecting", NULL);
    add_state(link, "connected", NULL);
  }
  return link;
}

void link_free(link_t *link) {
  en_connection_free(link->connection);
  while (link->entries) {
    entry *channel = link->entries;
    link->entries = channel->next;
    free(channel->arrived.labels.bytes);
    free(channel->name.bytes);
    free(channel);
  }
  json *lists[] = {&link->states, &link->codes, &link->drains, &link->channels, &link->log};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) free(lists[i]->bytes);
  free(link);
}

entry *link_entry(link_t *link, const text *name) {
  entry **place = &link->entries;
  for (; *place; place = &(*place)->next) {
    if (text_equal(&(*place)->name, name)) return *place;
  }
  *place = calloc(1, sizeof **place);
  CHECK(*place);
  (*place)->link = link;
  (*place)->name = text_copy(name->bytes, name->length);
  return *place;
}

void entry_apply(entry *channel) {
  if (!channel->exists) return;
  (void)en_on_message(channel->link->connection, channel->number, channel->wanted ? on_message : NULL,
                      channel, channel->flags);
}

void link_start(link_t *link) {
  link->started = true;
  IS(EN_OK, en_on_event(link->connection, on_event, link));
}

static uint64_t reported(const link_t *link) {
  en_stats stats = {.size = sizeof stats};
  (void)en_get_stats(link->connection, &stats);
  return stats.messages_received + link->logged;
}

bool link_poll(link_t *link) {
  if (!link->started) return false;
  uint64_t before = reported(link);
  (void)en_poll(link->connection);
  return reported(link) != before;
}

void link_disconnect(link_t *link) {
  if (en_get_state(link->connection) == EN_STATE_CONNECTED) {
    (void)en_disconnect(link->connection, (int)link->send_timeout_ms);
    add_end(link, en_get_end(link->connection)->status);
  }
}

char *link_report(link_t *link) {
  static const char *const states[] = {"connected", "disconnected", "failed"};
  en_stats stats = {.size = sizeof stats};
  en_connection_info info = {.size = sizeof info};
  json out = {0};
  IS(EN_OK, en_get_stats(link->connection, &stats));
  IS(EN_OK, en_get_info(link->connection, &info));
  json_add(&out, "{\"processId\":%ld,\"peer\":{\"process\":%u,\"library\":", (long)getpid(),
           info.peer_process);
  json_text(&out, info.peer_library, strlen(info.peer_library));
  json_add(&out, "},\"state\":\"%s\",", states[en_get_state(link->connection)]);
  json_add(&out, "\"stats\":{\"bytesSent\":%llu,\"bytesReceived\":%llu,",
           (unsigned long long)stats.bytes_sent, (unsigned long long)stats.bytes_received);
  json_add(&out, "\"messagesSent\":%llu,\"messagesReceived\":%llu},", (unsigned long long)stats.messages_sent,
           (unsigned long long)stats.messages_received);
  json_add(&out, "\"received\":[");
  bool first = true;
  for (const entry *channel = link->entries; channel; channel = channel->next) {
    if (channel->arrived.count == 0) continue;
    json_add(&out, first ? "[" : ",[");
    first = false;
    json_text(&out, channel->name.bytes, channel->name.length);
    json_add(&out, ",{\"count\":%llu,\"bytes\":%llu,\"digest\":%u}]",
             (unsigned long long)channel->arrived.count, (unsigned long long)channel->arrived.bytes,
             channel->arrived.digest);
  }
  json_add(&out, "],");
  const struct {
    const char *key;
    const json *list;
  } lists[] = {{"states", &link->states},
               {"stateCodes", &link->codes},
               {"drains", &link->drains},
               {"channels", &link->channels}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    json_add(&out, "\"%s\":[", lists[i].key);
    json_join(&out, lists[i].list);
    json_add(&out, "],");
  }
  json_add(&out, "\"errors\":[]}");
  return out.bytes;
}
