/**
 * One side of a connection for the tests of other languages.
 *
 *   peer connect|serve DIRECTORY ENDPOINT MODE [key=value ...]
 *
 * MODE echo: sends each message back on its channel, until the peer ends.
 * MODE pull: the same by en_receive() and the descriptor, without callbacks.
 * MODE burst: sends `count` messages of `size` bytes on each channel of `channels` (a,b,c), waits for them to
 * come back and compares them. MODE count: counts messages until the peer ends. MODE hold: connects and does
 * nothing until its input ends, then says goodbye.
 *
 * Each says "ready" when its connection stands, and at the end the name of the end's status.
 */
#include <entropynet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *value_of(char **words, const char *key, const char *otherwise) {
  size_t length = strlen(key);
  for (; *words; words++) {
    if (strncmp(*words, key, length) == 0 && (*words)[length] == '=') return *words + length + 1;
  }
  return otherwise;
}

static uint32_t number_of(char **words, const char *key) {
  return (uint32_t)strtoul(value_of(words, key, "0"), NULL, 10);
}

static int fail(const char *what) {
  (void)printf("%s\n", en_status_name(en_last_error()->status));
  (void)fprintf(stderr, "%s: %s\n", what, en_last_error()->message);
  return 1;
}

static void say_event(en_connection *connection, const en_event *event, void *user) {
  static const char *const names[] = {"opened", "accepted",     "refused",    "closing", "closed",
                                      "drain",  "unresponsive", "responsive", "end"};
  en_channel_info info = {.size = sizeof info};
  (void)user;
  if (event->type == EN_EVENT_DRAIN) return;
  if (event->channel && en_get_channel(connection, event->channel, &info) == EN_OK) {
    (void)printf("%s %s\n", names[event->type], info.name);
  } else {
    (void)printf("%s\n", names[event->type]);
  }
  (void)fflush(stdout);
}

static void echo(en_connection *connection, const en_message *message, void *user) {
  (void)user;
  (void)en_send(connection, message->channel, message->bytes, message->length, -1);
}

static void echo_events(en_connection *connection, const en_event *event, void *user) {
  say_event(connection, event, user);
  if (event->type == EN_EVENT_CHANNEL_OPENED) (void)en_on_message(connection, event->channel, echo, user, 0);
}

static en_status run_echo(en_connection *connection) {
  (void)en_on_event(connection, echo_events, NULL);
  (void)en_on_message(connection, EN_DEFAULT_CHANNEL, echo, NULL, 0);
  en_status status;
  while ((status = en_poll(connection)) == EN_OK) (void)en_wait(connection, -1);
  return status;
}

static en_status run_pull(en_connection *connection) {
  en_message message;
  en_status status;
  (void)en_on_event(connection, say_event, NULL);
  for (;;) {
    (void)en_poll(connection);
    while ((status = en_receive(connection, EN_ANY_CHANNEL, &message)) == EN_OK) {
      status = en_send(connection, message.channel, message.bytes, message.length, -1);
    }
    if (status != EN_WOULD_BLOCK) {
      (void)en_poll(connection); /* en_receive() may have seen the end, which only en_poll() reports */
      return status;
    }
    struct pollfd look = {en_descriptor(connection), POLLIN, 0};
    if (en_arm(connection)) (void)poll(&look, 1, 1000);
  }
}

static void count(en_connection *connection, const en_message *message, void *user) {
  (void)connection;
  (void)message;
  ++*(uint64_t *)user;
}

static en_status run_count(en_connection *connection) {
  uint64_t messages = 0;
  en_status status;
  (void)en_on_message(connection, EN_DEFAULT_CHANNEL, count, &messages, EN_IN_RING);
  while ((status = en_poll(connection)) == EN_OK) (void)en_wait(connection, -1);
  (void)printf("%llu messages\n", (unsigned long long)messages);
  return status;
}

typedef struct {
  uint32_t size, received;
  bool wrong;
} expectation;

static uint8_t byte_of(uint32_t message, uint32_t at) { return (uint8_t)((message * 31 + at * 7) % 251); }

static void compare(en_connection *connection, const en_message *message, void *user) {
  expectation *expected = user;
  (void)connection;
  const uint8_t *bytes = message->bytes;
  if (message->length != expected->size) expected->wrong = true;
  for (uint32_t i = 0; i < message->length && !expected->wrong; i++) {
    expected->wrong = bytes[i] != byte_of(expected->received, i);
  }
  expected->received++;
}

#define MOST_CHANNELS 8

static en_status run_burst(en_connection *connection, char **words) {
  uint32_t messages = number_of(words, "count"), size = number_of(words, "size"), used = 0;
  en_channel channels[MOST_CHANNELS] = {EN_DEFAULT_CHANNEL};
  expectation expected[MOST_CHANNELS] = {{size, 0, false}};
  char names[200];
  (void)snprintf(names, sizeof names, "%s", value_of(words, "channels", ""));
  for (char *name = strtok(names, ","); name && used < MOST_CHANNELS; name = strtok(NULL, ",")) {
    if (en_open_channel(connection, name, 5000, &channels[used])) return en_last_error()->status;
    used++;
  }
  if (used == 0) used = 1;
  uint8_t *bytes = malloc(size + 1);
  if (!bytes) return EN_RESOURCE_LIMIT_EXCEEDED;
  for (uint32_t i = 0; i < used; i++) {
    expected[i] = (expectation){size, 0, false};
    (void)en_on_message(connection, channels[i], compare, &expected[i], 0);
  }
  en_status status = EN_OK;
  for (uint32_t m = 0; m < messages && !status; m++) {
    for (uint32_t at = 0; at < size; at++) bytes[at] = byte_of(m, at);
    for (uint32_t i = 0; i < used && !status; i++) {
      while ((status = en_try_send(connection, channels[i], bytes, size)) == EN_WOULD_BLOCK) {
        if ((status = en_poll(connection)) != EN_OK) break;
        (void)en_wait(connection, 1000);
      }
    }
  }
  for (uint32_t i = 0; i < used && !status; i++) {
    while ((status = en_poll(connection)) == EN_OK && expected[i].received < messages)
      (void)en_wait(connection, -1);
    if (expected[i].wrong) (void)printf("wrong bytes\n");
  }
  (void)printf("%u back\n", expected[0].received);
  for (uint32_t i = 0; i < used && !status && channels[i]; i++)
    status = en_close_channel(connection, channels[i], 5000);
  free(bytes);
  if (!status) status = en_disconnect(connection, 5000);
  return status ? status : en_get_end(connection)->status;
}

static en_status run_hold(en_connection *connection) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  (void)en_disconnect(connection, 1000);
  return en_get_end(connection)->status;
}

int main(int argc, char **argv) {
  if (argc < 5) {
    (void)fprintf(stderr, "peer connect|serve DIRECTORY ENDPOINT MODE [key=value ...]\n");
    return 2;
  }
  char **words = argv + 5;
  en_options options = {.size = sizeof options,
                        .directory = argv[2],
                        .secret = value_of(words, "secret", NULL),
                        .region_size = number_of(words, "region"),
                        .channel_window = number_of(words, "window"),
                        .max_channels = number_of(words, "maxChannels"),
                        .max_connections = number_of(words, "maxConnections"),
                        .unresponsive_after_ms = number_of(words, "unresponsive"),
                        .connect_timeout_ms = number_of(words, "timeout")};
  en_server *server = NULL;
  en_connection *connection = NULL;
  if (strcmp(argv[1], "serve") == 0) {
    if (en_listen(argv[3], &options, &server)) return fail("en_listen");
    (void)printf("listening\n");
    (void)fflush(stdout);
    if (en_accept(server, -1, &connection)) return fail("en_accept");
  } else if (en_connect(argv[3], &options, &connection)) {
    return fail("en_connect");
  }
  (void)printf("ready\n");
  (void)fflush(stdout);
  en_status status = strcmp(argv[4], "echo") == 0    ? run_echo(connection)
                     : strcmp(argv[4], "pull") == 0  ? run_pull(connection)
                     : strcmp(argv[4], "count") == 0 ? run_count(connection)
                     : strcmp(argv[4], "burst") == 0 ? run_burst(connection, words)
                                                     : run_hold(connection);
  (void)printf("%s\n", en_status_name(status));
  if (status != EN_CONNECTION_CLOSED) (void)fprintf(stderr, "%s\n", en_get_end(connection)->message);
  en_connection_free(connection);
  en_server_free(server);
  return 0;
}
