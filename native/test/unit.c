/* What a program sees of the library: arguments, channels, claims, backpressure, waiting and ends. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <time.h>

#include "pair.h"

static en_options with_size(void) { return (en_options){.size = sizeof(en_options)}; }

static void refuses_bad_arguments(void) {
  en_connection *connection = (en_connection *)1;
  en_server *server = (en_server *)1;
  en_message message;
  en_stats stats = {.size = sizeof stats};
  en_connection_info info = {.size = sizeof info};
  en_channel_info channel_info = {.size = sizeof channel_info};
  en_channel channel;
  void *bytes;
  IS(EN_INVALID_PARAMETER, en_connect("x", NULL, NULL));
  IS(EN_INVALID_PARAMETER, en_connect(NULL, NULL, &connection));
  CHECK(connection == NULL);
  IS(EN_INVALID_PARAMETER, en_connect("", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("shm://", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("ws://somewhere", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("a\xff", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("a\nb", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("\xc2\x85", NULL, &connection));
  char longest[2050];
  memset(longest, 'n', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  IS(EN_INVALID_PARAMETER, en_connect(longest, NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_listen("x", NULL, NULL));
  IS(EN_INVALID_PARAMETER, en_listen(NULL, NULL, &server));
  CHECK(server == NULL);
  IS(EN_INVALID_PARAMETER, en_accept(NULL, 0, &connection));
  IS(EN_INVALID_PARAMETER, en_accept(NULL, 0, NULL));
  IS(EN_INVALID_PARAMETER, en_send(NULL, 0, "", 0, 0));
  IS(EN_INVALID_PARAMETER, en_try_send(NULL, 0, "", 0));
  IS(EN_INVALID_PARAMETER, en_claim(NULL, 0, 0, &bytes));
  IS(EN_INVALID_PARAMETER, en_commit(NULL));
  IS(EN_INVALID_PARAMETER, en_abort(NULL));
  IS(EN_INVALID_PARAMETER, en_on_message(NULL, 0, NULL, NULL, 0));
  IS(EN_INVALID_PARAMETER, en_receive(NULL, 0, &message));
  IS(EN_INVALID_PARAMETER, en_on_event(NULL, NULL, NULL));
  IS(EN_INVALID_PARAMETER, en_poll(NULL));
  IS(EN_INVALID_PARAMETER, en_wait(NULL, 0));
  IS(EN_INVALID_PARAMETER, en_open_channel(NULL, "a", 0, &channel));
  IS(EN_INVALID_PARAMETER, en_close_channel(NULL, 0, 0));
  IS(EN_INVALID_PARAMETER, en_get_channel(NULL, 0, &channel_info));
  IS(EN_INVALID_PARAMETER, en_disconnect(NULL, 0));
  IS(EN_INVALID_PARAMETER, en_get_stats(NULL, &stats));
  IS(EN_INVALID_PARAMETER, en_get_info(NULL, &info));
  CHECK(en_get_state(NULL) == EN_STATE_FAILED && en_get_end(NULL)->status == EN_INVALID_PARAMETER);
  CHECK(en_descriptor(NULL) == -1 && en_server_descriptor(NULL) == -1 && en_arm(NULL) == 0);
  en_interrupt(NULL);
  en_server_interrupt(NULL);
  en_connection_free(NULL);
  en_server_free(NULL);
  CHECK(strcmp(en_status_name(EN_PEER_DIED), "PeerDied") == 0 &&
        strcmp(en_status_name((en_status)99), "Unknown") == 0);
}

static void refuses_bad_options(void) {
  en_connection *connection;
  const en_options wrong[] = {
      {.size = 0},
      {.size = 5000},
      {.size = sizeof(en_options), .directory = ""},
      {.size = sizeof(en_options), .secret = ""},
      {.size = sizeof(en_options), .secret = "fifteen letters"},
      {.size = sizeof(en_options), .secret = "sixteen letters \xff"},
      {.size = sizeof(en_options), .region_size = 65535},
      {.size = sizeof(en_options), .region_size = (1u << 30) + 1},
      {.size = sizeof(en_options), .max_message_size = (1u << 30) + 1},
      {.size = sizeof(en_options), .channel_window = 16383},
      {.size = sizeof(en_options), .max_channels = 65536},
      {.size = sizeof(en_options), .max_connections = 65537},
      {.size = sizeof(en_options), .connect_timeout_ms = UINT32_MAX},
      {.size = sizeof(en_options), .spin_us = 1000001},
      {.size = sizeof(en_options), .library = ""},
      {.size = sizeof(en_options), .library = " c"},
      {.size = sizeof(en_options), .library = "c\n"},
      {.size = sizeof(en_options), .library = "\x80"},
      {.size = sizeof(en_options), .library = "123456789012345678901"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    IS(EN_INVALID_PARAMETER, en_connect("x", &wrong[i], &connection));
  }
  /* Eight characters outside of the basic plane are sixteen code units. */
  en_options right = with_size();
  right.secret =
      "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0"
      "\x9f\x98\x80\xf0\x9f\x98\x80";
  right.directory = "/tmp/entropynet-that-is-not-there";
  IS(EN_TRANSPORT_UNAVAILABLE, en_connect("x", &right, &connection));
}

/* The peer can write any bytes where its library introduces itself. */
static void checks_the_library_of_a_peer(void) {
  static const char *const texts[][2] = {
      {"c++ 0.1.0", "c++ 0.1.0"},
      {"12345678901234567890", "12345678901234567890"},
      {"", ""},
      {" c", ""},
      {"\x1b[2Jc", ""},
      {"c\xff", ""},
  };
  char library[EN_LIBRARY_BYTES + 1];
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    uint8_t bytes[EN_LIBRARY_BYTES + 1] = {0};
    memcpy(bytes, texts[i][0], strlen(texts[i][0]));
    en_get_library(bytes, library);
    CHECK(strcmp(library, texts[i][1]) == 0);
  }
  en_get_library((const uint8_t *)"c\0hidden\0\0\0\0\0\0\0\0\0\0\0\0", library);
  CHECK(library[0] == '\0');
}

static void sends_and_receives(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  en_message message;
  en_stats stats = {.size = sizeof stats};
  IS(EN_WOULD_BLOCK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_INVALID_PARAMETER, en_send(pair.server, EN_DEFAULT_CHANNEL, NULL, 1, 0));
  IS(EN_MESSAGE_TOO_LARGE, en_send(pair.server, EN_DEFAULT_CHANNEL, "", (16u << 20) + 1, 0));
  IS(EN_CONNECTION_CLOSED, en_send(pair.server, 77, "", 0, 0));
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, NULL, 0));
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "abc", 3));
  IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  CHECK(message.length == 0 && message.bytes != NULL);
  IS(EN_OK, en_receive(pair.client, EN_ANY_CHANNEL, &message));
  CHECK(message.length == 3 && memcmp(message.bytes, "abc", 3) == 0 && message.channel == EN_DEFAULT_CHANNEL);
  IS(EN_OK, en_get_stats(pair.client, &stats));
  CHECK(stats.messages_received == 2 && stats.bytes_received == 3 && stats.messages_sent == 0);
  /* A longer message than the ring goes as room comes. */
  uint8_t *large = malloc(300000);
  CHECK(large != NULL);
  for (uint32_t i = 0; i < 300000; i++) large[i] = (uint8_t)(i * 7);
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, large, 300000));
  IS(EN_WOULD_BLOCK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "after", 5));
  while (en_receive(pair.client, EN_DEFAULT_CHANNEL, &message) == EN_WOULD_BLOCK)
    IS(EN_OK, en_poll(pair.server));
  CHECK(message.length == 300000 && memcmp(message.bytes, large, 300000) == 0);
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "after", 5));
  free(large);
  free_pair(pair);
}

static void claims(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  en_message message;
  void *bytes;
  IS(EN_INVALID_PARAMETER, en_claim(pair.client, EN_DEFAULT_CHANNEL, 4, NULL));
  IS(EN_INVALID_PARAMETER, en_commit(pair.client));
  IS(EN_INVALID_PARAMETER, en_abort(pair.client));
  IS(EN_OK, en_claim(pair.client, EN_DEFAULT_CHANNEL, 4, &bytes));
  CHECK((uintptr_t)bytes % 8 == 0);
  IS(EN_INVALID_PARAMETER, en_claim(pair.client, EN_DEFAULT_CHANNEL, 4, &bytes));
  IS(EN_WOULD_BLOCK, en_try_send(pair.client, EN_DEFAULT_CHANNEL, "x", 1));
  IS(EN_OK, en_abort(pair.client));
  IS(EN_OK, en_claim(pair.client, EN_DEFAULT_CHANNEL, 4, &bytes));
  memcpy(bytes, "ring", 4);
  IS(EN_OK, en_commit(pair.client));
  IS(EN_OK, en_claim(pair.client, EN_DEFAULT_CHANNEL, 20000, &bytes)); /* longer than a frame */
  memset(bytes, 'l', 20000);
  IS(EN_OK, en_commit(pair.client));
  IS(EN_OK, en_receive(pair.server, EN_DEFAULT_CHANNEL, &message));
  CHECK(message.length == 4 && memcmp(message.bytes, "ring", 4) == 0);
  while (en_receive(pair.server, EN_DEFAULT_CHANNEL, &message) == EN_WOULD_BLOCK)
    IS(EN_OK, en_poll(pair.client));
  CHECK(message.length == 20000);
  /* The end does not take the claimed bytes away. */
  IS(EN_OK, en_claim(pair.client, EN_DEFAULT_CHANNEL, 8, &bytes));
  IS(EN_OK, en_disconnect(pair.server, 0));
  IS(EN_CONNECTION_CLOSED, en_poll(pair.client));
  memset(bytes, 0, 8);
  IS(EN_CONNECTION_CLOSED, en_commit(pair.client));
  free_pair(pair);
}

typedef struct {
  uint32_t count[9], messages;
  en_channel channel;
  en_status status;
} seen;

static void note(en_connection *connection, const en_event *event, void *user) {
  seen *all = user;
  (void)connection;
  all->count[event->type]++;
  all->channel = event->channel;
  all->status = event->status;
}

static void note_message(en_connection *connection, const en_message *message, void *user) {
  (void)connection;
  (void)message;
  ((seen *)user)->messages++;
}

/* A report of room that nobody needs any more does not keep a program awake. */
static void sleeps_after_room_came(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  seen server = {0};
  char bytes[8000] = {0};
  uint32_t sent = 0;
  while (en_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes, 1) == EN_OK) sent++;
  CHECK(en_last_error()->status == EN_TIMEOUT && sent == 4);
  IS(EN_OK, en_on_message(pair.server, EN_DEFAULT_CHANNEL, note_message, &server, 0));
  IS(EN_OK, en_poll(pair.server));
  CHECK(server.messages == sent);
  for (int early = 0; en_wait(pair.client, 1) == EN_OK; early++) {
    CHECK(early < 3);
    IS(EN_OK, en_poll(pair.client));
  }
  CHECK(en_last_error()->status == EN_TIMEOUT);
  IS(EN_OK, en_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes, 1));
  free_pair(pair);
}

static void opens_and_closes_channels(void) {
  en_options two = with_size();
  two.max_channels = 2;
  en_pair pair = make_pair(65536, &two, NULL);
  seen server = {0}, client = {0};
  en_channel channel, other;
  en_channel_info info = {.size = sizeof info};
  en_message message;
  (void)en_on_event(pair.server, note, &server);
  (void)en_on_event(pair.client, note, &client);
  IS(EN_INVALID_PARAMETER, en_open_channel(pair.client, "", 0, &channel));
  IS(EN_INVALID_PARAMETER, en_open_channel(pair.client, "\xed\xa0\x80", 0, &channel));
  IS(EN_INVALID_PARAMETER, en_close_channel(pair.client, EN_DEFAULT_CHANNEL, 0));
  for (uint32_t round = 1; round <= 200; round++) {
    IS(EN_OK, en_open_channel(pair.client, "scene", 0, &channel));
    IS(EN_OK, en_open_channel(pair.client, "scene", 0, &other));
    CHECK(channel == other);
    IS(EN_OK, en_try_send(pair.client, channel, "hello", 5));
    IS(EN_OK, en_poll(pair.server));
    CHECK(server.count[EN_EVENT_CHANNEL_OPENED] == round);
    other = server.channel;
    IS(EN_OK, en_poll(pair.client));
    CHECK(client.count[EN_EVENT_CHANNEL_ACCEPTED] == round);
    IS(EN_OK, en_close_channel(pair.client, channel, 0));
    IS(EN_CONNECTION_CLOSED, en_try_send(pair.client, channel, "late", 4));
    IS(EN_OK, en_poll(pair.server));
    IS(EN_OK, en_poll(pair.client));
    IS(EN_OK, en_poll(pair.server));
    CHECK(server.count[EN_EVENT_CHANNEL_CLOSED] == round && client.count[EN_EVENT_CHANNEL_CLOSED] == round);
    /* What was sent before the close stays to be read. */
    IS(EN_OK, en_receive(pair.server, other, &message));
    CHECK(message.length == 5 && message.channel == other);
    IS(EN_CONNECTION_CLOSED, en_receive(pair.server, other, &message));
    IS(EN_CONNECTION_CLOSED, en_get_channel(pair.client, channel, &info));
  }
  CHECK(pair.client->slot_count == 1 && pair.client->by_own.highest == 1);
  IS(EN_OK, en_open_channel(pair.client, "one", 0, &channel));
  IS(EN_OK, en_open_channel(pair.client, "two", 0, &channel));
  IS(EN_RESOURCE_LIMIT_EXCEEDED, en_open_channel(pair.client, "three", 0, &channel));
  IS(EN_WOULD_BLOCK,
     en_wait(pair.server, 0) == EN_OK ? en_receive(pair.server, EN_ANY_CHANNEL, &message) : EN_OK);
  free_pair(pair);
}

static void keeps_a_full_channel_from_the_others(void) {
  en_options small = with_size();
  small.channel_window = 16384;
  en_pair pair = make_pair(1u << 20, &small, &small);
  seen client = {0}, server = {0};
  en_channel urgent;
  char bytes[1000] = {0};
  uint32_t sent = 0;
  (void)en_on_event(pair.client, note, &client);
  IS(EN_OK, en_open_channel(pair.client, "urgent", 0, &urgent));
  while (en_try_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes) == EN_OK) sent++;
  CHECK(sent == 16384 / 1064);
  IS(EN_OK, en_poll(pair.server)); /* nobody takes what came on the default channel */
  IS(EN_OK, en_poll(pair.client));
  IS(EN_TIMEOUT, en_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes, 1));
  IS(EN_OK, en_try_send(pair.client, urgent, "now", 3));
  CHECK(client.count[EN_EVENT_DRAIN] == 0);
  IS(EN_OK, en_on_message(pair.server, EN_DEFAULT_CHANNEL, note_message, &server, 0));
  en_message message;
  IS(EN_ALREADY_EXISTS, en_receive(pair.server, EN_DEFAULT_CHANNEL, &message));
  IS(EN_OK, en_poll(pair.server));
  CHECK(server.messages == sent);
  IS(EN_OK, en_poll(pair.client));
  CHECK(client.count[EN_EVENT_DRAIN] == 1);
  IS(EN_OK, en_receive(pair.server, EN_ANY_CHANNEL, &message));
  CHECK(message.length == 3);
  free_pair(pair);
}

static void free_it(en_connection *connection, const en_message *message, void *user) {
  note_message(connection, message, user);
  IS(EN_INVALID_PARAMETER, en_poll(connection));
  IS(EN_INVALID_PARAMETER, en_wait(connection, 0));
  en_connection_free(connection);
}

static void ends(void) {
  seen client = {0};
  en_message message;
  en_pair pair = make_pair(65536, NULL, NULL);
  (void)en_on_event(pair.client, note, &client);
  for (int i = 0; i < 50; i++) IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "last words", 10));
  IS(EN_OK, en_disconnect(pair.server, 0));
  CHECK(en_get_state(pair.server) == EN_STATE_DISCONNECTED);
  IS(EN_CONNECTION_CLOSED, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "", 0));
  for (int i = 0; i < 50; i++) IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_CONNECTION_CLOSED, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_CONNECTION_CLOSED, en_poll(pair.client));
  IS(EN_CONNECTION_CLOSED, en_wait(pair.client, 1000));
  CHECK(client.count[EN_EVENT_END] == 1 && client.status == EN_CONNECTION_CLOSED);
  free_pair(pair);
  /* After the own goodbye, what had arrived can still be received. */
  pair = make_pair(65536, NULL, NULL);
  en_channel_info info = {.size = sizeof info};
  for (int i = 0; i < 3; i++) IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "kept", 4));
  IS(EN_OK, en_disconnect(pair.client, 0));
  for (int i = 0; i < 3; i++) IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_CONNECTION_CLOSED, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_OK, en_get_channel(pair.client, EN_DEFAULT_CHANNEL, &info));
  CHECK(info.parked_bytes == 0 && info.state == EN_CHANNEL_CLOSED);
  free_pair(pair);
  /* Without a goodbye it is a death; what was committed comes first. */
  pair = make_pair(65536, NULL, NULL);
  (void)en_on_message(pair.client, EN_DEFAULT_CHANNEL, note_message, &client, EN_IN_RING);
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  en_link_end(pair.server->link);
  IS(EN_OK, en_wait(pair.client, 1000));
  (void)en_poll(pair.client);
  pair.client->look = true;
  IS(EN_PEER_DIED, en_poll(pair.client));
  CHECK(client.messages == 1 && en_get_state(pair.client) == EN_STATE_FAILED);
  free_pair(pair);
  /* A callback may free its connection. */
  pair = make_pair(65536, NULL, NULL);
  (void)en_on_message(pair.client, EN_DEFAULT_CHANNEL, free_it, &client, 0);
  for (int i = 0; i < 3; i++) IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  IS(EN_CONNECTION_CLOSED, en_poll(pair.client));
  CHECK(client.messages == 2);
  en_connection_free(pair.server);
}

static void reports_what_it_drops(void) {
  char bytes[1000] = {0};
  for (uint32_t understands = 0; understands < 2; understands++) {
    en_options small = with_size();
    small.channel_window = 16384;
    en_pair pair = make_pair(1u << 20, &small, &small);
    if (understands) pair.server->peer.flags |= EN_FLAG_DROPPED;
    while (en_try_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes) == EN_OK) continue;
    IS(EN_OK, en_disconnect(pair.server, 1000));
    uint32_t types = 0;
    en_frame frame;
    CHECK(en_ring_look_at_tail(&pair.client->in));
    while (en_ring_next(&pair.client->in, &frame) == EN_RING_FRAME) {
      types |= 1u << (frame.header & 0xff);
      en_ring_skip(&pair.client->in, frame.length);
    }
    CHECK(types == 1u << (understands ? EN_F_DROPPED : EN_F_UPDATE));
    free_pair(pair);
  }
}

static void tells_of_an_unresponsive_peer(void) {
  en_options quick = with_size();
  quick.unresponsive_after_ms = 30;
  en_pair pair = make_pair(65536, &quick, NULL);
  seen server = {0};
  en_message message;
  (void)en_on_event(pair.server, note, &server);
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  while (server.count[EN_EVENT_UNRESPONSIVE] == 0) {
    (void)en_wait(pair.server, 100);
    IS(EN_OK, en_poll(pair.server));
  }
  IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  while (server.count[EN_EVENT_RESPONSIVE] == 0) {
    (void)en_wait(pair.server, 10);
    IS(EN_OK, en_poll(pair.server));
  }
  free_pair(pair);
}

/* A side that polls or waits tells the peer what it has read, also if nothing else comes. */
static void publishes_what_was_read(void) {
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
static void spins_no_longer_than_the_timeout(void) {
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

static void wakes_a_sleeper(void) {
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
  CHECK(en_arm(pair.client) == 1 && !en_link_readable(en_descriptor(pair.client), 0));
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  CHECK(en_link_readable(en_descriptor(pair.client), 1000) && en_arm(pair.client) == 0);
  IS(EN_OK, en_poll(pair.client));
  CHECK(!en_link_readable(en_descriptor(pair.client), 0));
  free_pair(pair);
}

int main(void) {
  refuses_bad_arguments();
  refuses_bad_options();
  checks_the_library_of_a_peer();
  sends_and_receives();
  claims();
  opens_and_closes_channels();
  keeps_a_full_channel_from_the_others();
  sleeps_after_room_came();
  ends();
  reports_what_it_drops();
  tells_of_an_unresponsive_peer();
  publishes_what_was_read();
  spins_no_longer_than_the_timeout();
  wakes_a_sleeper();
  (void)printf("14 groups of checks passed\n");
  return 0;
}
