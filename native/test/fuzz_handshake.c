/* Feeds a server the bytes of a client that owes it nothing: no byte may break it, and nothing may be left.
 * Fuzzed by libFuzzer with ENTROPYNET_FUZZER. Else: fuzz_handshake [count] [seed]. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../src/platform.h"
#include "../src/wire.h"
#include "check.h"

#define SECRET "a secret of the fuzzed server"

/* A server, and what a client needs to reach it. */
typedef struct {
  en_server *server;
  en_place place;
  uint8_t nonce[16];
} target;

static char directory[] = "/tmp/entropynet-fuzz-XXXXXX";
static target targets[2];

static void remove_targets(void) {
  for (int i = 0; i < 2; i++) en_server_free(targets[i].server);
  (void)rmdir(directory);
}

static void make_target(target *t, const char *name, const char *secret) {
  uint8_t bytes[EN_MESSAGE_BYTES];
  en_options options = {.size = sizeof options,
                        .directory = directory,
                        .secret = secret,
                        .region_size = 65536,
                        .max_connections = 2};
  IS(EN_OK, en_listen(name, &options, &t->server));
  IS(EN_OK, en_place_find(name, directory, &t->place));
  int fd = open(t->place.region, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && read(fd, bytes, sizeof bytes) == EN_MESSAGE_BYTES);
  (void)close(fd);
  memcpy(t->nonce, bytes + 16, sizeof t->nonce);
}

static void make_targets(void) {
  if (targets[0].server) return;
  CHECK(mkdtemp(directory) != NULL);
  make_target(&targets[0], "open", NULL);
  make_target(&targets[1], "secret", SECRET);
  CHECK(atexit(remove_targets) == 0);
}

/* A request that the server would grant, changed by the input. */
static void make_request(const target *t, bool has_secret, const uint8_t *changes, size_t size,
                         uint8_t request[EN_MESSAGE_BYTES]) {
  memset(request, 0, EN_MESSAGE_BYTES);
  en_put32(request, EN_MAGIC_REQUEST);
  en_put32(request + 4, EN_LAYOUT_VERSION);
  en_put32(request + 8, 65536);
  memcpy(request + 16, t->nonce, sizeof t->nonce);
  en_put_limits(request + 32, &(en_limits){1024, 16384, 4, has_secret ? EN_FLAG_SECRET : 0});
  for (size_t i = 0; i < size && i < EN_MESSAGE_BYTES; i++) request[i] ^= changes[i];
}

/* Whatever the server does with what has come. A client that it accepted leaves at once. */
static void serve(const target *t) {
  en_connection *connection;
  for (int i = 0; i < 2; i++) {
    if (en_accept(t->server, 0, &connection) != EN_OK) continue;
    (void)en_poll(connection);
    en_connection_free(connection);
  }
}

static void put(int link, const uint8_t *bytes, size_t size) {
  if (size > 0) (void)send(link, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  uint8_t request[EN_MESSAGE_BYTES];
  make_targets();
  if (size < 2) return 0;
  bool has_secret = bytes[0] & 1;
  const target *t = &targets[has_secret];
  memcpy(address.sun_path, t->place.socket, strlen(t->place.socket));
  int link = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(link >= 0 && connect(link, (struct sockaddr *)&address, sizeof address) == 0);
  size_t used = 2;
  if (bytes[0] & 2) {
    size_t changes = bytes[1] % EN_MESSAGE_BYTES;
    if (changes > size - used) changes = size - used;
    make_request(t, has_secret, bytes + used, changes, request);
    put(link, request, sizeof request);
    used += changes;
  }
  serve(t);
  size_t half = (size - used) / 2; /* in two pieces */
  put(link, bytes + used, half);
  serve(t);
  put(link, bytes + used + half, size - used - half);
  serve(t);
  (void)close(link);
  serve(t);
  return 0;
}

#ifndef ENTROPYNET_FUZZER
int main(int argc, char **argv) {
  uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2000;
  uint8_t bytes[200];
  srand(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1);
  for (uint32_t i = 0; i < count; i++) {
    size_t size = 2 + (size_t)rand() % (sizeof bytes - 2);
    /* Mostly zeros change little of the request. */
    for (size_t at = 0; at < size; at++) bytes[at] = rand() % 16 ? 0 : (uint8_t)rand();
    bytes[0] = (uint8_t)rand();
    bytes[1] = (uint8_t)rand();
    (void)LLVMFuzzerTestOneInput(bytes, size);
  }
  (void)printf("%u inputs\n", count);
  return 0;
}
#endif
