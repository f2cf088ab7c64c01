/*
 * Feeds a connection with what a hostile peer may write. With clang, -DENTROPYNET_FUZZER=ON builds it for
 * libFuzzer. Without, it makes its own inputs: fuzz_frames [COUNT [SEED]].
 *
 * The first byte of an input says whether the rest is the ring itself or a list of frames. A list has for
 * each frame a type, an id, a length and bytes; it reaches further, because its frames are whole.
 */
#include "pair.h"

static void reply(en_connection *connection, const en_message *message, void *user) {
  (void)user;
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < message->length; i++) sum = (uint8_t)(sum + ((const uint8_t *)message->bytes)[i]);
  (void)en_try_send(connection, message->channel, message->bytes, message->length);
}

static void open_reply(en_connection *connection, const en_event *event, void *user) {
  if (event->type == EN_EVENT_CHANNEL_OPENED && event->channel % 2) {
    (void)en_on_message(connection, event->channel, reply, user, EN_IN_RING);
  }
  if (event->type == EN_EVENT_CHANNEL_ACCEPTED) (void)en_close_channel(connection, event->channel, 0);
}

static void step(en_connection *connection) {
  en_message message;
  (void)en_poll(connection);
  (void)en_receive(connection, EN_ANY_CHANNEL, &message);
}

/* Frames that are whole; the peer takes nothing back, or all at once. */
static void play_frames(en_pair pair, const uint8_t *bytes, size_t size) {
  while (size >= 4) {
    uint32_t type = bytes[0] % 10, id = bytes[1] % 5, length = bytes[2], control = bytes[3];
    bytes += 4;
    size -= 4;
    if (length > size) length = (uint32_t)size;
    if (!en_write_frame(pair.client, type, id, bytes, length)) break;
    bytes += length;
    size -= length;
    if (control & 1) step(pair.server);
    if (control & 2) atomic_store(pair.client->in.head, atomic_load(pair.client->in.tail));
    if (control & 4) {
      en_channel channel;
      (void)en_open_channel(pair.server, control & 8 ? "a" : "b", 0, &channel);
    }
  }
  step(pair.server);
}

/* Anything in the ring, and any words of the peer. */
static void play_bytes(en_pair pair, const uint8_t *bytes, size_t size) {
  if (size < 12) return;
  uint32_t words[3];
  memcpy(words, bytes, sizeof words);
  size_t room = pair.client->out.capacity, length = size - 12 < room ? size - 12 : room;
  memcpy(pair.client->out.bytes, bytes + 12, length);
  atomic_store(pair.client->out.tail, words[0] % 2 ? (uint32_t)length & ~7u : words[0]);
  step(pair.server);
  atomic_store(pair.server->out.head, words[1]);
  atomic_store(pair.server->peer_sleeps, words[2]);
  atomic_store(pair.server->peer_needs, words[2]);
  step(pair.server);
  (void)en_send(pair.server, EN_DEFAULT_CHANNEL, bytes, size, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  en_options options = {
      .size = sizeof options, .channel_window = 16384, .max_message_size = 4096, .max_channels = 3};
  if (size == 0) return 0;
  en_pair pair = make_pair(65536, &options, &options);
  (void)en_on_message(pair.server, EN_DEFAULT_CHANNEL, reply, NULL, bytes[0] & 2 ? EN_IN_RING : 0);
  (void)en_on_event(pair.server, open_reply, NULL);
  if (bytes[0] & 1)
    play_frames(pair, bytes + 1, size - 1);
  else
    play_bytes(pair, bytes + 1, size - 1);
  uint64_t parked = 0;
  for (uint32_t i = 0; i < pair.server->slot_count; i++)
    parked += pair.server->slots[i] ? pair.server->slots[i]->parked : 0;
  CHECK(parked <= 16384 * (uint64_t)pair.server->slot_count);
  free_pair(pair);
  return 0;
}

#ifndef ENTROPYNET_FUZZER
static uint64_t state;

/* xorshift64*: the same inputs for the same seed. */
static uint32_t next(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 32);
}

/* Mostly frames that keep the protocol for a while, so that the later ones meet a connection in use. */
static size_t make_input(uint8_t *bytes, size_t room) {
  static const uint8_t starts[][12] = {{EN_F_MESSAGE, 0, 3, 1, 'a', 'b', 'c'},
                                       {EN_F_START, 0, 4, 0, 5, 0, 0, 0},
                                       {EN_F_FRAGMENT, 0, 5, 1, 1, 2, 3, 4, 5},
                                       {EN_F_OPEN, 1, 1, 1, 'a'},
                                       {EN_F_OPEN, 2, 1, 5, 'b'},
                                       {EN_F_OPEN, 3, 1, 1, 'c'},
                                       {EN_F_OPEN, 4, 1, 1, 'd'},
                                       {EN_F_CLOSE, 1, 0, 3},
                                       {EN_F_CLOSED, 1, 0, 3},
                                       {EN_F_REFUSE, 1, 0, 1},
                                       {EN_F_UPDATE, 0, 4, 1, 67, 0, 0, 0},
                                       {EN_F_MESSAGE, 1, 2, 1, 'x', 'y'},
                                       {EN_F_ABORT, 0, 0, 1}};
  size_t size = 1;
  bytes[0] = (uint8_t)next();
  if (!(bytes[0] & 1)) {
    size = 13 + next() % 200;
    for (size_t i = 1; i < size; i++) bytes[i] = next() % 3 ? (uint8_t)(next() % 9) : (uint8_t)next();
    return size;
  }
  for (uint32_t frames = next() % 40; frames > 0 && size + 12 < room; frames--) {
    const uint8_t *start = starts[next() % (sizeof starts / sizeof *starts)];
    size_t length = 4u + start[2];
    memcpy(bytes + size, start, length);
    if (next() % 8 == 0) bytes[size + next() % length] = (uint8_t)next();
    if (next() % 3 == 0) bytes[size + 3] = (uint8_t)next();
    size += length;
  }
  return size;
}

int main(int argc, char **argv) {
  uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2000;
  uint8_t bytes[1024];
  state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  if (state == 0) state = 1;
  for (uint32_t i = 0; i < count; i++) (void)LLVMFuzzerTestOneInput(bytes, make_input(bytes, sizeof bytes));
  (void)printf("%u inputs\n", count);
  return 0;
}
#endif
