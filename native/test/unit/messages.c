/* Sending, claiming and receiving. */
#include "unit.h"

void sends_and_receives(void) {
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

/* Stops taking messages, receives the next one by itself, and then reads its own one. */
static void receive_another(en_connection *connection, const en_message *message, void *user) {
  en_message another;
  const char *bytes = message->bytes;
  note_message(connection, message, user);
  IS(EN_OK, en_on_message(connection, EN_DEFAULT_CHANNEL, NULL, NULL, 0));
  IS(EN_OK, en_receive(connection, EN_DEFAULT_CHANNEL, &another));
  CHECK(another.length == 20000 && *(const char *)another.bytes == 'b');
  IS(EN_WOULD_BLOCK, en_receive(connection, EN_DEFAULT_CHANNEL, &another));
  CHECK(bytes[0] == 'a' && bytes[19999] == 'a');
}

/* The bytes of a callback's message stay as they are until it returns. */
void keeps_the_message_of_a_callback(void) {
  static char bytes[20000];
  en_pair pair = make_pair(1u << 18, NULL, NULL);
  seen client = {0};
  pair.server->longest_frame = 8192; /* so that a message takes fragments */
  for (int i = 0; i < 2; i++) {
    memset(bytes, 'a' + i, sizeof bytes);
    IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, bytes, sizeof bytes));
  }
  IS(EN_OK, en_on_message(pair.client, EN_DEFAULT_CHANNEL, receive_another, &client, 0));
  IS(EN_OK, en_poll(pair.client));
  CHECK(client.messages == 1);
  free_pair(pair);
}

/* The messages that a callback took. */
typedef struct {
  const char *bytes[3];
  void *memory[3];
  int count;
} taken;

static void take_message(en_connection *connection, const en_message *message, void *user) {
  taken *all = user;
  all->bytes[all->count] = message->bytes;
  all->memory[all->count++] = en_take_message(connection);
  CHECK(en_take_message(connection) == NULL);
}

/* Three messages of one length come at once. A callback takes all. */
static void take_three(uint32_t length, bool are_parked, unsigned flags) {
  static char bytes[20000];
  en_pair pair = make_pair(1u << 18, NULL, NULL);
  en_message message;
  taken all = {0};
  pair.server->longest_frame = 8192; /* so that a long message takes fragments */
  if (!are_parked) IS(EN_OK, en_on_message(pair.client, EN_DEFAULT_CHANNEL, take_message, &all, flags));
  for (int i = 0; i < 3; i++) {
    memset(bytes, 'a' + i, sizeof bytes);
    IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, bytes, length));
  }
  if (are_parked) {
    /* The first call takes all frames off the ring, and one message. */
    IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
    IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, bytes, length));
    IS(EN_OK, en_on_message(pair.client, EN_DEFAULT_CHANNEL, take_message, &all, flags));
  }
  IS(EN_OK, en_poll(pair.client));
  CHECK(all.count == 3 && en_take_message(pair.client) == NULL);
  const bool are_in_ring = (flags & EN_IN_RING) && length < 8192;
  for (int i = 0; i < 3; i++) {
    const bool is_in_ring = are_in_ring && (!are_parked || i == 2);
    CHECK((all.memory[i] == NULL) == is_in_ring);
    const char expected = (char)('a' + (are_parked && i < 2 ? i + 1 : i));
    CHECK(is_in_ring || (all.bytes[i][0] == expected && all.bytes[i][length - 1] == expected));
    en_free(all.memory[i]);
  }
  free_pair(pair);
}

/* A program may keep the bytes of a callback's message, wherever they are but in the ring. */
void gives_the_memory_of_a_message(void) {
  for (unsigned flags = 0; flags <= EN_IN_RING; flags++) {
    for (int parked = 0; parked < 2; parked++) {
      take_three(100, parked, flags);
      take_three(20000, parked, flags);
    }
  }
  CHECK(en_take_message(NULL) == NULL);
  en_free(NULL);
}

void claims(void) {
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
  /* The own goodbye gives a claim up. */
  pair = make_pair(65536, NULL, NULL);
  IS(EN_OK, en_claim(pair.client, EN_DEFAULT_CHANNEL, 20000, &bytes));
  IS(EN_OK, en_disconnect(pair.client, 0));
  IS(EN_CONNECTION_CLOSED, en_commit(pair.client));
  IS(EN_INVALID_PARAMETER, en_abort(pair.client));
  free_pair(pair);
}

/* A long message is written after the claim. The connection may end meanwhile. */
void loses_a_claim_to_a_failure(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  void *bytes;
  IS(EN_OK, en_claim(pair.client, EN_DEFAULT_CHANNEL, 60000, &bytes));
  memset(bytes, 'l', 60000);
  atomic_store(pair.client->out.head, 4); /* an impossible position */
  IS(EN_SHARED_MEMORY_CORRUPTED, en_commit(pair.client));
  free_pair(pair);
}

/* A send that a claim kept out is told when it can go. */
void drains_after_a_claim(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  seen client = {0};
  void *bytes;
  (void)en_on_event(pair.client, note, &client);
  for (uint32_t round = 1; round <= 2; round++) {
    IS(EN_OK, en_claim(pair.client, EN_DEFAULT_CHANNEL, 4, &bytes));
    IS(EN_WOULD_BLOCK, en_try_send(pair.client, EN_DEFAULT_CHANNEL, "x", 1));
    memset(bytes, 'r', 4);
    IS(EN_OK, round == 1 ? en_abort(pair.client) : en_commit(pair.client));
    IS(EN_OK, en_poll(pair.client));
    CHECK(client.count[EN_EVENT_DRAIN] == round);
  }
  free_pair(pair);
}

/* A report of room that nobody needs any more does not keep a program awake. */
void sleeps_after_room_came(void) {
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
