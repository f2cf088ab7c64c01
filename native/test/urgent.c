/* The channel `control` goes before the others, at most every second time. */
#include <pthread.h>

#include "pair.h"

#define LONGEST_FRAME 8152u /* of a region of 64 KiB */

typedef struct {
  en_channel channel;
  uint32_t sent;
  char bytes[LONGEST_FRAME];
} urgent_sender;

static void send_as_room_comes(en_connection *connection, const en_event *event, void *user) {
  urgent_sender *sender = user;
  if (event->type != EN_EVENT_DRAIN || event->channel != sender->channel) return;
  while (en_try_send(connection, sender->channel, sender->bytes, sizeof sender->bytes) == EN_OK)
    sender->sent++;
}

static void drop(en_connection *connection, const en_message *message, void *user) {
  (void)connection;
  (void)message;
  (void)user;
}

static uint32_t queued_on(en_connection *connection, en_channel channel) {
  en_channel_info info = {.size = sizeof info};
  IS(EN_OK, en_get_channel(connection, channel, &info));
  return info.queued_bytes;
}

static en_channel open_both(en_pair pair, const char *name) {
  en_channel channel, there;
  IS(EN_OK, en_open_channel(pair.client, name, 0, &channel));
  IS(EN_OK, en_poll(pair.server));
  IS(EN_OK, en_open_channel(pair.server, name, 0, &there));
  IS(EN_OK, en_on_message(pair.server, there, drop, NULL, 0));
  IS(EN_OK, en_poll(pair.client));
  return channel;
}

/* Frames that wait go in turns, and every second one is of `control`. */
static void goes_before_waiting_frames(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  static const char *const names[] = {"a", "b", "c", "d"};
  en_channel bulk[4], control;
  uint32_t length = 30 * LONGEST_FRAME;
  char *bytes = calloc(1, length);
  CHECK(bytes != NULL);
  for (int i = 0; i < 4; i++) bulk[i] = open_both(pair, names[i]);
  control = open_both(pair, "control");
  for (int i = 0; i < 4; i++) IS(EN_OK, en_try_send(pair.client, bulk[i], bytes, length));
  IS(EN_OK, en_try_send(pair.client, control, bytes, length));
  while (queued_on(pair.client, control) > 0) {
    IS(EN_OK, en_poll(pair.server));
    IS(EN_OK, en_poll(pair.client));
  }
  for (int i = 0; i < 4; i++) CHECK(queued_on(pair.client, bulk[i]) > length / 2);
  free(bytes);
  free_pair(pair);
}

/* A message of `control` that found no room goes before the rest of a long message, which goes on, too. */
static void gets_the_room_that_comes(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  en_channel bulk = open_both(pair, "asset-upload");
  urgent_sender sender = {.channel = open_both(pair, "control")};
  uint32_t frames = 60, length = frames * LONGEST_FRAME;
  char *bytes = calloc(1, length);
  CHECK(bytes != NULL);
  (void)en_on_event(pair.client, send_as_room_comes, &sender);
  IS(EN_OK, en_try_send(pair.client, bulk, bytes, length));
  IS(EN_WOULD_BLOCK, en_try_send(pair.client, sender.channel, sender.bytes, sizeof sender.bytes));
  while (queued_on(pair.client, bulk) > 0) {
    CHECK(sender.sent <= 2 * frames);
    IS(EN_OK, en_poll(pair.server));
    IS(EN_OK, en_poll(pair.client));
  }
  CHECK(sender.sent >= frames / 2);
  free(bytes);
  free_pair(pair);
}

static void *poll_until_the_end(void *connection) {
  while (en_poll(connection) == EN_OK) (void)en_wait(connection, -1);
  return NULL;
}

/* The same for a sender that waits. */
static void gets_the_room_of_a_waiting_sender(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  en_channel bulk = open_both(pair, "asset-upload");
  urgent_sender sender = {.channel = open_both(pair, "control")};
  uint32_t length = 600 * LONGEST_FRAME;
  char *bytes = calloc(1, length);
  pthread_t thread;
  CHECK(bytes != NULL);
  IS(EN_OK, en_try_send(pair.client, bulk, bytes, length));
  CHECK(pthread_create(&thread, NULL, poll_until_the_end, pair.server) == 0);
  for (int i = 0; i < 20; i++) {
    IS(EN_OK, en_send(pair.client, sender.channel, sender.bytes, sizeof sender.bytes, -1));
  }
  CHECK(queued_on(pair.client, bulk) > length / 2);
  IS(EN_OK, en_disconnect(pair.client, -1));
  CHECK(pthread_join(thread, NULL) == 0);
  free(bytes);
  free_pair(pair);
}

static void expect(en_pair pair, const char *text) {
  en_message message;
  IS(EN_OK, en_receive(pair.server, EN_ANY_CHANNEL, &message));
  if (message.length != 2 || memcmp(message.bytes, text, 2) != 0) (void)fprintf(stderr, "not %s\n", text);
  CHECK(message.length == 2 && memcmp(message.bytes, text, 2) == 0);
}

/* A program that takes messages of any channel gets those of `control` first, also one that came later. */
static void is_received_first(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  en_channel control;
  IS(EN_OK, en_open_channel(pair.client, "control", 0, &control));
  for (int i = 0; i < 4; i++) {
    char text[2] = {'b', (char)('0' + i)};
    IS(EN_OK, en_try_send(pair.client, EN_DEFAULT_CHANNEL, text, 2));
  }
  expect(pair, "b0");
  for (int i = 0; i < 3; i++) {
    char text[2] = {'c', (char)('0' + i)};
    IS(EN_OK, en_try_send(pair.client, control, text, 2));
  }
  static const char *const order[] = {"c0", "b1", "c1", "b2", "c2", "b3"};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++) expect(pair, order[i]);
  free_pair(pair);
}

static void note(en_connection *connection, const en_message *message, void *user) {
  (void)connection;
  char *text = user;
  strncat(text, message->bytes, message->length);
}

/* Kept messages go to the callbacks in the same order. */
static void is_delivered_first(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  en_channel control, there;
  en_message message;
  char text[8] = "";
  IS(EN_OK, en_open_channel(pair.client, "control", 0, &control));
  IS(EN_OK, en_try_send(pair.client, EN_DEFAULT_CHANNEL, "b", 1));
  IS(EN_OK, en_try_send(pair.client, control, "c", 1));
  IS(EN_OK, en_open_channel(pair.client, "other", 0, &there));
  IS(EN_OK, en_open_channel(pair.server, "other", 0, &there));
  IS(EN_WOULD_BLOCK, en_receive(pair.server, there, &message)); /* keeps what has come */
  IS(EN_OK, en_open_channel(pair.server, "control", 0, &control));
  IS(EN_OK, en_on_message(pair.server, EN_DEFAULT_CHANNEL, note, text, 0));
  IS(EN_OK, en_on_message(pair.server, control, note, text, 0));
  IS(EN_OK, en_poll(pair.server));
  CHECK(strcmp(text, "cb") == 0);
  free_pair(pair);
}

int main(void) {
  goes_before_waiting_frames();
  gets_the_room_that_comes();
  gets_the_room_of_a_waiting_sender();
  is_received_first();
  is_delivered_first();
  (void)printf("5 groups of checks passed\n");
  return 0;
}
