/* Polling, waiting and waking. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <time.h>

#include "unit.h"

/* A side that polls or waits tells the peer what it has read, also if nothing else comes. */
void publishes_what_was_read(void) {
  en_options spinning = with_size();
  spinning.spin_us = 1000;
  en_pair pair = make_pair(65536, NULL, &spinning);
  seen client = {0};
  _Atomic uint32_t *head = pair.server->out.head;
  (void)en_on_message(pair.client, EN_DEFAULT_CHANNEL, note_message, &client, 0);
  for (int i = 0; i < 3; i++) {
    IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
    do IS(EN_OK, en_poll(pair.client));
    while (atomic_load(head) != pair.server->out.position);
  }
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  IS(EN_OK, en_poll(pair.client));
  IS(EN_TIMEOUT, en_wait(pair.client, 1));
  CHECK(atomic_load(head) == pair.server->out.position);
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  IS(EN_OK, en_poll(pair.client));
  CHECK(en_arm(pair.client) == 1 && atomic_load(head) == pair.server->out.position);
  CHECK(client.messages == 5);
  free_pair(pair);
}

/* The time of the call limits looking at the ring, too. */
void spins_no_longer_than_the_timeout(void) {
  en_options spinning = with_size();
  spinning.spin_us = 1000000;
  en_pair pair = make_pair(65536, NULL, &spinning);
  struct timespec used[2];
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used[0]);
  IS(EN_WOULD_BLOCK, en_wait(pair.client, 0));
  IS(EN_TIMEOUT, en_wait(pair.client, 1));
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used[1]);
  CHECK(used[1].tv_sec == used[0].tv_sec || used[1].tv_nsec < used[0].tv_nsec); /* less than a second */
  free_pair(pair);
}

/* en_interrupt() is for en_wait(). A send that waits for room sleeps all the same. */
void sleeps_after_an_interrupt(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  char bytes[1000] = {0};
  struct timespec used[2];
  while (en_try_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes) == EN_OK) continue;
  en_interrupt(pair.client);
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used[0]);
  IS(EN_TIMEOUT, en_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes, 500));
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used[1]);
  int64_t ns = (used[1].tv_sec - used[0].tv_sec) * (int64_t)1000000000 + used[1].tv_nsec - used[0].tv_nsec;
  CHECK(ns < 250000000); /* of the 500 ms */
  IS(EN_ABORTED, en_wait(pair.client, 0));
  free_pair(pair);
}

/* Takes one frame off the ring, as a peer does that has not read much of it yet. */
static void take_one(en_connection *connection) {
  en_frame frame;
  CHECK(en_ring_look_at_tail(&connection->in) && en_ring_next(&connection->in, &frame) == EN_RING_FRAME);
  en_ring_skip(&connection->in, frame.length);
  atomic_store(connection->in.head, connection->in.position);
}

/* Without a callback for events, the end of the wait tells a sender of room, and once. */
void ends_a_wait_when_room_came(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  char bytes[1000] = {0};
  for (int way = 0; way < 2; way++) {
    while (en_try_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes) == EN_OK) continue;
    take_one(pair.server);
    if (way == 0) CHECK(en_arm(pair.client) == 0 && en_arm(pair.client) == 1);
    if (way == 1) {
      IS(EN_OK, en_wait(pair.client, 1));
      IS(EN_TIMEOUT, en_wait(pair.client, 1));
    }
    IS(EN_OK, en_try_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes));
  }
  free_pair(pair);
}

/* Without a callback for events, the end of the wait tells of a channel that changed in another call, and
 * once. */
void ends_a_wait_when_a_channel_changed(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  en_channel channel;
  en_message message;
  IS(EN_OK, en_open_channel(pair.client, "a", 0, &channel));
  IS(EN_OK, en_poll(pair.server));
  IS(EN_WOULD_BLOCK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_OK, en_wait(pair.client, 1));
  IS(EN_TIMEOUT, en_wait(pair.client, 1));
  IS(EN_OK, en_close_channel(pair.client, channel, 0));
  IS(EN_OK, en_poll(pair.server));
  IS(EN_WOULD_BLOCK, en_open_channel(pair.client, "a", 0, &channel));
  CHECK(en_arm(pair.client) == 0 && en_arm(pair.client) == 1);
  IS(EN_OK, en_open_channel(pair.client, "a", 0, &channel));
  free_pair(pair);
}

/* Frames of the peer end a wait early, and do not lengthen it. */
void waits_no_longer_than_the_deadline(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  for (int deadline = -1; deadline <= 0; deadline++) {
    IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
    CHECK(en_wait_a_while(pair.client, en_deadline(deadline)) == (deadline < 0));
  }
  free_pair(pair);
}

/* The peer sends another message while the callback for the last one waits. */
static void wait_for_another(en_connection *connection, const en_message *message, void *user) {
  en_pair *pair = user;
  en_channel channel;
  en_stats stats = {.size = sizeof stats};
  (void)message;
  IS(EN_OK, en_get_stats(connection, &stats));
  if (stats.messages_received == 10) return; /* the test fails then, and must end */
  IS(EN_OK, en_try_send(pair->server, EN_DEFAULT_CHANNEL, "1", 1));
  IS(EN_TIMEOUT, en_open_channel(connection, "a", 1, &channel));
}

/* A call polls what was there, and the next wait tells of the rest. */
void polls_what_was_there(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  en_stats stats = {.size = sizeof stats};
  IS(EN_OK, en_on_message(pair.client, EN_DEFAULT_CHANNEL, wait_for_another, &pair, 0));
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  for (uint32_t count = 2; count <= 6; count += 2) {
    IS(EN_OK, en_wait(pair.client, 0));
    IS(EN_OK, en_poll(pair.client));
    IS(EN_OK, en_get_stats(pair.client, &stats));
    CHECK(stats.messages_received == count);
  }
  free_pair(pair);
}

static void *wait_for_a_message(void *connection) {
  en_message message;
  while (en_receive(connection, EN_DEFAULT_CHANNEL, &message) == EN_WOULD_BLOCK)
    (void)en_wait(connection, -1);
  CHECK(message.length == 5);
  en_status status;
  do status = en_wait(connection, -1);
  while (status == EN_OK); /* it may return too early */
  CHECK(status == EN_ABORTED);
  return NULL;
}

void wakes_a_sleeper(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  pthread_t thread;
  IS(EN_TIMEOUT, en_wait(pair.server, 1));
  CHECK(pthread_create(&thread, NULL, wait_for_a_message, pair.client) == 0);
  IS(EN_OK, en_send(pair.server, EN_DEFAULT_CHANNEL, "wake!", 5, -1));
  en_message message;
  while (atomic_load(pair.client->in.head) == 0) (void)en_receive(pair.server, EN_DEFAULT_CHANNEL, &message);
  en_interrupt(pair.client);
  CHECK(pthread_join(thread, NULL) == 0);
  IS(EN_OK, en_poll(pair.client)); /* the thread may not have waited after its message came */
  /* The descriptor becomes readable after en_arm(). */
  CHECK(en_arm(pair.client) == 1 && !is_readable(en_descriptor(pair.client), 0));
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  CHECK(is_readable(en_descriptor(pair.client), 1000) && en_arm(pair.client) == 0);
  IS(EN_OK, en_poll(pair.client));
  CHECK(!is_readable(en_descriptor(pair.client), 0));
  free_pair(pair);
}
