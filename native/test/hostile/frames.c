/* Frames and words that break the protocol. */
#include "hostile.h"

typedef struct {
  const char *what;
  uint32_t header;
  uint32_t length;
  uint8_t bytes[8];
  en_status outcome;
} single;

#define FRAME(type, id) ((type) | (uint32_t)(id) << 8)

/* Each is the first frame of a connection whose window is 16 KiB and whose longest message has 1000 bytes. */
static const single singles[] = {
    {"an unknown type", FRAME(9, 0), 0, {0}, EN_INVALID_MESSAGE},
    {"reserved bits", 1u << 24, 0, {0}, EN_INVALID_MESSAGE},
    {"data on an unknown id", FRAME(EN_F_MESSAGE, 1), 1, {0}, EN_INVALID_MESSAGE},
    {"a fragment outside of a message", FRAME(EN_F_FRAGMENT, 0), 1, {0}, EN_INVALID_MESSAGE},
    {"an abort outside of a message", FRAME(EN_F_ABORT, 0), 0, {0}, EN_INVALID_MESSAGE},
    {"a message that is too long", FRAME(EN_F_MESSAGE, 0), 1001, {0}, EN_INVALID_MESSAGE},
    {"an announcement of 0 bytes", FRAME(EN_F_START, 0), 4, {0}, EN_INVALID_MESSAGE},
    {"an announcement that is too long", FRAME(EN_F_START, 0), 4, {0xe9, 3}, EN_INVALID_MESSAGE},
    {"an announcement without its length", FRAME(EN_F_START, 0), 3, {1}, EN_INVALID_MESSAGE},
    {"a name without bytes", FRAME(EN_F_OPEN, 1), 0, {0}, EN_INVALID_MESSAGE},
    {"a name that is too long", FRAME(EN_F_OPEN, 1), 256, {'a'}, EN_INVALID_MESSAGE},
    {"a name that is not UTF-8", FRAME(EN_F_OPEN, 1), 2, {0xc0, 0x80}, EN_INVALID_MESSAGE},
    {"a name with a surrogate", FRAME(EN_F_OPEN, 1), 3, {0xed, 0xa0, 0x80}, EN_INVALID_MESSAGE},
    {"the id 0 for a channel", FRAME(EN_F_OPEN, 0), 1, {'a'}, EN_INVALID_MESSAGE},
    {"an id out of turn", FRAME(EN_F_OPEN, 2), 1, {'a'}, EN_INVALID_MESSAGE},
    {"a refusal of nothing", FRAME(EN_F_REFUSE, 1), 0, {0}, EN_INVALID_MESSAGE},
    {"a refusal of the default channel", FRAME(EN_F_REFUSE, 0), 0, {0}, EN_INVALID_MESSAGE},
    {"window for nothing", FRAME(EN_F_UPDATE, 0), 4, {1}, EN_INVALID_MESSAGE},
    {"window of 0", FRAME(EN_F_UPDATE, 0), 4, {0}, EN_INVALID_MESSAGE},
    {"window without its size", FRAME(EN_F_UPDATE, 0), 2, {1}, EN_INVALID_MESSAGE},
    {"window for an unknown id", FRAME(EN_F_UPDATE, 5), 4, {1}, EN_INVALID_MESSAGE},
    {"a close of the default channel", FRAME(EN_F_CLOSE, 0), 0, {0}, EN_INVALID_MESSAGE},
    {"a close of an unknown id", FRAME(EN_F_CLOSE, 1), 0, {0}, EN_INVALID_MESSAGE},
    {"an answer to no close", FRAME(EN_F_CLOSED, 1), 0, {0}, EN_INVALID_MESSAGE},
    {"an answer for the default channel", FRAME(EN_F_CLOSED, 0), 0, {0}, EN_INVALID_MESSAGE},
};

en_pair small_pair(void) {
  en_options options = {
      .size = sizeof options, .channel_window = 16384, .max_message_size = 1000, .max_channels = 2};
  return make_pair(65536, &options, &options);
}

static void ends_with(en_pair pair, en_status outcome, const char *what) {
  en_message message;
  en_status status;
  do status = en_receive(pair.server, EN_ANY_CHANNEL, &message);
  while (status == EN_OK);
  if (status != outcome) (void)fprintf(stderr, "%s: %s\n", what, en_status_name(status));
  CHECK(status == outcome);
  CHECK(en_get_state(pair.server) == EN_STATE_FAILED && en_get_end(pair.server)->message[0] != '\0');
  /* The offender sees a death, and every call on the failed connection gives the code. */
  pair.client->look = true;
  IS(EN_PEER_DIED, en_poll(pair.client));
  IS(outcome, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "", 0));
  IS(outcome, en_wait(pair.server, 0));
  free_pair(pair);
}

size_t frames(void) {
  for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
    const single *one = &singles[i];
    en_pair pair = small_pair();
    uint8_t bytes[1024] = {0};
    memset(bytes, one->bytes[0], one->length);
    memcpy(bytes, one->bytes, sizeof one->bytes);
    CHECK(en_write_frame(pair.client, one->header & 0xff, one->header >> 8, bytes, one->length));
    ends_with(pair, one->outcome, one->what);
  }
  return sizeof singles / sizeof *singles;
}

void sequences(void) {
  uint8_t bytes[1024] = {100};
  en_message message;
  en_pair pair = small_pair();
  while (en_get_state(pair.server) == EN_STATE_CONNECTED) { /* more than the window */
    CHECK(en_write_frame(pair.client, EN_F_MESSAGE, 0, bytes, 900));
    (void)en_poll(pair.server);
  }
  CHECK(en_get_end(pair.server)->status == EN_INVALID_MESSAGE && pair.server->slots[0]->parked <= 16384);
  free_pair(pair);

  en_options tiny = {.size = sizeof tiny, .max_message_size = 3}; /* the limit holds for a few bytes, too */
  pair = make_pair(65536, &tiny, NULL);
  CHECK(en_write_frame(pair.client, EN_F_MESSAGE, 0, bytes, 4));
  ends_with(pair, EN_INVALID_MESSAGE, "4 bytes where 3 are allowed");

  pair = small_pair(); /* a message inside another one */
  CHECK(en_write_frame(pair.client, EN_F_START, 0, bytes, 4) &&
        en_write_frame(pair.client, EN_F_MESSAGE, 0, bytes, 4));
  ends_with(pair, EN_INVALID_MESSAGE, "mixed messages");

  pair = small_pair(); /* more than was announced */
  CHECK(en_write_frame(pair.client, EN_F_START, 0, bytes, 4) &&
        en_write_frame(pair.client, EN_F_FRAGMENT, 0, bytes, 101));
  ends_with(pair, EN_INVALID_MESSAGE, "too many bytes");

  pair = small_pair(); /* a fragment without bytes */
  CHECK(en_write_frame(pair.client, EN_F_START, 0, bytes, 4) &&
        en_write_frame(pair.client, EN_F_FRAGMENT, 0, bytes, 0));
  ends_with(pair, EN_INVALID_MESSAGE, "an empty fragment");

  pair = small_pair(); /* a channel twice */
  CHECK(en_write_frame(pair.client, EN_F_OPEN, 1, "a", 1) &&
        en_write_frame(pair.client, EN_F_OPEN, 2, "a", 1));
  ends_with(pair, EN_INVALID_MESSAGE, "a channel twice");

  pair = small_pair(); /* data after the close */
  CHECK(en_write_frame(pair.client, EN_F_OPEN, 1, "a", 1) &&
        en_write_frame(pair.client, EN_F_CLOSE, 1, "", 0));
  CHECK(en_write_frame(pair.client, EN_F_MESSAGE, 1, "x", 1));
  ends_with(pair, EN_INVALID_MESSAGE, "data after the close");

  pair = small_pair(); /* a closed id is free before the peer has answered the close of this side */
  CHECK(en_write_frame(pair.client, EN_F_OPEN, 1, "a", 1) &&
        en_write_frame(pair.client, EN_F_CLOSE, 1, "", 0) &&
        en_write_frame(pair.client, EN_F_OPEN, 1, "b", 1));
  CHECK(en_write_frame(pair.client, EN_F_MESSAGE, 1, "x", 1));
  IS(EN_OK, en_poll(pair.server));
  IS(EN_OK, en_receive(pair.server, EN_ANY_CHANNEL, &message));
  en_channel_info info = {.size = sizeof info};
  IS(EN_OK, en_get_channel(pair.server, message.channel, &info));
  CHECK(strcmp(info.name, "b") == 0 && pair.server->announced == 2);
  free_pair(pair);

  pair = small_pair(); /* a close by a side that can't understand the answer */
  pair.server->peer.flags = 0;
  CHECK(en_write_frame(pair.client, EN_F_OPEN, 1, "a", 1) &&
        en_write_frame(pair.client, EN_F_CLOSE, 1, "", 0));
  ends_with(pair, EN_INVALID_MESSAGE, "a close without the flag");

  pair = small_pair(); /* opens and closes without reading the answers */
  for (uint32_t i = 0; en_get_state(pair.server) == EN_STATE_CONNECTED && i < 100000; i++) {
    (void)en_write_frame(pair.client, EN_F_OPEN, 1, "a", 1);
    (void)en_write_frame(pair.client, EN_F_CLOSE, 1, "", 0);
    (void)en_poll(pair.server);
  }
  CHECK(en_get_state(pair.server) == EN_STATE_FAILED);
  free_pair(pair);

  pair = small_pair(); /* what a refused channel brings is dropped */
  for (uint32_t id = 1; id <= 3; id++) CHECK(en_write_frame(pair.client, EN_F_OPEN, id, &"abc"[id - 1], 1));
  CHECK(en_write_frame(pair.client, EN_F_MESSAGE, 3, "x", 1) &&
        en_write_frame(pair.client, EN_F_CLOSE, 3, "", 0));
  IS(EN_OK, en_poll(pair.server));
  CHECK(pair.server->announced == 2);
  free_pair(pair);
}

void words(void) {
  static const struct {
    const char *what;
    uint32_t offset, value;
  } all[] = {
      {"a tail between two frames", 128, 4},        {"a tail beyond the ring", 128, 32648},
      {"a tail that goes back", 128, (uint32_t)-8}, {"a head beyond the tail", 132, 8},
      {"a head between two frames", 132, 4},        {"a head that goes back", 132, (uint32_t)-8},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    en_pair pair = small_pair();
    atomic_store((_Atomic uint32_t *)(void *)(pair.client->region + all[i].offset), all[i].value);
    (void)en_poll(pair.server);
    /* A head is read when room is needed, or with the next look at the peer. */
    if (en_get_state(pair.server) == EN_STATE_CONNECTED) en_watch_peer(pair.server, 0);
    if (en_get_end(pair.server)->status != EN_SHARED_MEMORY_CORRUPTED)
      (void)fprintf(stderr, "%s\n", all[i].what);
    CHECK(en_get_end(pair.server)->status == EN_SHARED_MEMORY_CORRUPTED);
    free_pair(pair);
  }
  static const uint32_t lengths[] = {0xfffffffe, 0x80000000, 32640, 32633, 9, 0xffffffff};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    en_pair pair = small_pair(); /* a frame whose length leads out of what was written */
    memcpy(pair.client->out.bytes, &lengths[i], 4);
    atomic_store(pair.client->out.tail, 16);
    IS(EN_SHARED_MEMORY_CORRUPTED, en_poll(pair.server));
    free_pair(pair);
  }
  en_pair pair = small_pair(); /* a descriptor beside a wake */
  CHECK(en_link_put(pair.client->link, (const uint8_t *)"", 1, pair.client->link));
  pair.server->look = true;
  IS(EN_INVALID_MESSAGE, en_poll(pair.server));
  free_pair(pair);
}
