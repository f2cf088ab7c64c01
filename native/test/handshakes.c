/* Servers and clients in one process: names, limits, admission, secrets, versions and clients that misbehave.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string.h>
#include "../src/platform.h"
#include "../src/wire.h"
#include "check.h"

static const char *directory;

static en_options in_directory(void) {
  return (en_options){.size = sizeof(en_options), .directory = directory};
}

/* Accepts until it is interrupted, and keeps what it accepted. */
typedef struct {
  en_server *server;
  en_connection *accepted[8];
  _Atomic uint32_t count;
  pthread_t thread;
} host;

static void *accept_all(void *user) {
  host *h = user;
  en_status status;
  while (h->count < 8 && (status = en_accept(h->server, -1, &h->accepted[h->count])) == EN_OK) h->count++;
  CHECK(status == EN_ABORTED);
  return NULL;
}

static void start(host *h, const en_options *options) {
  memset(h, 0, sizeof *h);
  IS(EN_OK, en_listen("shm://one", options, &h->server));
  CHECK(pthread_create(&h->thread, NULL, accept_all, h) == 0);
}

static void stop(host *h) {
  en_server_interrupt(h->server);
  CHECK(pthread_join(h->thread, NULL) == 0);
  for (uint32_t i = 0; i < h->count; i++) en_connection_free(h->accepted[i]);
  en_server_free(h->server);
}

static void vectors(void) {
  uint8_t server[32], client[32], proof[32], digest[32], bytes[24];
  static const uint8_t known_client[] = {0x9d, 0x6d, 0xc6, 0x69, 0x40, 0xd0, 0xc5, 0x5d};
  static const uint8_t known_server[] = {0x7d, 0x70, 0x2b, 0x09, 0x0f, 0x05, 0xb2, 0xb5};
  static const uint8_t known_hash[] = {0xa4, 0x57, 0xe8, 0xf0, 0x4a, 0xa7,
                                       0x96, 0xdc, 0x50, 0x77, 0x0f, 0x10};
  static const uint8_t known_limits[] = {0x45, 0x4e, 0x50, 0x4e, 1, 0, 0, 0, 0, 0, 0, 1,
                                         0,    0,    0x10, 0,    0, 1, 0, 0, 2, 0, 0, 0};
  for (int i = 0; i < 32; i++) {
    server[i] = (uint8_t)i;
    client[i] = (uint8_t)(32 + i);
  }
  en_proof("correct horse battery", "entropynet client", server, client, proof);
  CHECK(memcmp(proof, known_client, sizeof known_client) == 0);
  en_proof("correct horse battery", "entropynet server", server, client, proof);
  CHECK(memcmp(proof, known_server, sizeof known_server) == 0);
  en_sha256("canvas", 6, digest);
  CHECK(memcmp(digest, known_hash, sizeof known_hash) == 0);
  en_put_limits(bytes, &(en_limits){16u << 20, 1u << 20, 256, EN_FLAG_CLOSE});
  CHECK(memcmp(bytes, known_limits, sizeof known_limits) == 0);
}

static void names(void) {
  en_options options = in_directory();
  en_server *server, *second;
  en_connection *connection;
  IS(EN_TRANSPORT_UNAVAILABLE, en_connect("one", &options, &connection));
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_ADDRESS_IN_USE, en_listen("SHM://one", &options, &second));
  IS(EN_OK, en_listen("two", &options, &second));
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &connection));
  IS(EN_TIMEOUT, en_accept(server, 1, &connection));
  en_server_free(server);
  en_server_free(second);
  IS(EN_OK, en_listen("one", &options, &server)); /* the name is free again */
  en_server_free(server);
  CHECK(chmod(directory, 0770) == 0); /* the group may write: nothing inside can be trusted */
  IS(EN_SHARED_MEMORY_PERMISSION, en_listen("one", &options, &server));
  IS(EN_SHARED_MEMORY_PERMISSION, en_connect("one", &options, &connection));
  CHECK(chmod(directory, 0700) == 0);
}

static void names_come_back(void) {
  en_options options = in_directory();
  en_place place;
  host h;
  en_connection *connection;
  start(&h, &options);
  IS(EN_OK, en_place_find("one", directory, &place));
  CHECK(unlink(place.socket) == 0 && unlink(place.region) == 0);
  struct stat found;
  while (stat(place.socket, &found) != 0) en_pause_ms(10);
  IS(EN_OK, en_connect("one", &options, &connection));
  en_connection_free(connection);
  stop(&h);
}

static void limits(void) {
  en_options options = in_directory();
  en_connection *first, *second;
  en_connection_info info = {.size = sizeof info};
  host h;
  options.max_connections = 1;
  options.region_size = 100001;
  start(&h, &options);
  options.region_size = 65537;
  IS(EN_OK, en_connect("one", &options, &first));
  IS(EN_OK, en_get_info(first, &info));
  CHECK(info.region_size == 65537 && info.max_frame_size == 8152 && info.peer_process == (uint32_t)getpid());
  CHECK(strcmp(info.peer_library, "c " EN_VERSION) == 0);
  IS(EN_RESOURCE_LIMIT_EXCEEDED, en_connect("one", &options, &second));
  en_connection_free(first);
  /* The place is free as soon as the server's side has seen the goodbye. */
  while (h.count == 0 || en_get_state(h.accepted[0]) == EN_STATE_CONNECTED) {
    if (h.count > 0)
      (void)en_poll(h.accepted[0]);
    else
      en_pause_ms(1);
  }
  IS(EN_OK, en_connect("one", &options, &first));
  en_connection_free(first);
  stop(&h);
}

static en_status admit_nobody(void *user) {
  ++*(int *)user;
  return EN_RESOURCE_LIMIT_EXCEEDED;
}

static void admission_and_secrets(void) {
  en_options options = in_directory();
  en_connection *connection;
  int asked = 0;
  host h;
  options.admit = admit_nobody;
  options.admit_user = &asked;
  start(&h, &options);
  IS(EN_RESOURCE_LIMIT_EXCEEDED, en_connect("one", &options, &connection));
  CHECK(asked == 1);
  stop(&h);
  options = in_directory();
  options.secret = "a secret of sixteen letters and more";
  start(&h, &options);
  IS(EN_OK, en_connect("one", &options, &connection));
  en_connection_free(connection);
  options.secret = NULL;
  IS(EN_HANDSHAKE_FAILED, en_connect("one", &options, &connection));
  CHECK(strstr(en_last_error()->message, "has a secret") != NULL);
  options.secret = "a secret of sixteen letters and less";
  IS(EN_HANDSHAKE_FAILED, en_connect("one", &options, &connection));
  CHECK(strstr(en_last_error()->message, "another secret") != NULL &&
        !strstr(en_last_error()->message, options.secret));
  stop(&h);
  options.secret = NULL;
  start(&h, &options);
  options.secret = "a secret of sixteen letters and less";
  IS(EN_HANDSHAKE_FAILED, en_connect("one", &options, &connection));
  stop(&h);
}

/* The status that a server answers to a request in which one word differs from a right one. */
static uint32_t answer_to(const en_options *options, uint32_t offset, uint32_t value) {
  en_place place;
  uint8_t nonce[16], request[EN_MESSAGE_BYTES] = {0}, reply[EN_MESSAGE_BYTES];
  int link, region = -1;
  uint32_t have = 0;
  IS(EN_OK, en_place_find("one", options->directory, &place));
  IS(EN_OK, en_link_connect(&place, nonce, &link));
  en_put32(request, EN_MAGIC_REQUEST);
  en_put32(request + 4, EN_LAYOUT_VERSION);
  en_put32(request + 8, EN_MIN_REGION);
  memcpy(request + 16, nonce, 16);
  en_put_limits(request + 32, &(en_limits){1000, EN_MIN_WINDOW, 1, EN_FLAG_CLOSE | 0x80000004u});
  en_put32(request + offset, value);
  /* In two pieces: a stream has no messages. */
  CHECK(en_link_put(link, request, 30, -1) && en_link_put(link, request + 30, sizeof request - 30, -1));
  while (have < sizeof reply) {
    (void)en_link_readable(link, 5000);
    int got = en_link_take(link, reply + have, (uint32_t)sizeof reply - have, &region);
    CHECK(got >= 0);
    have += (uint32_t)got;
  }
  CHECK(en_get32(reply) == EN_MAGIC_REPLY && en_get32(reply + 4) == EN_LAYOUT_VERSION);
  uint32_t status = en_get32(reply + 12);
  CHECK((region >= 0) == (status == 0));
  if (region >= 0) en_region_close(region);
  en_link_close(link);
  return status;
}

static void requests(void) {
  static const struct {
    uint32_t offset, value, status;
  } all[] = {{0, 0x12345678, 5}, {4, 2, 1},  {4, 0, 1},      {8, 65535, 5}, {16, 0, 3},
             {32, 0, 5},         {36, 2, 1}, {44, 16383, 5}, {52, 1, 7},    {60, 1, 0}};
  en_options options = in_directory();
  int silent;
  en_place place;
  uint8_t nonce[16];
  host h;
  start(&h, &options);
  /* A client that says nothing holds nobody up. */
  IS(EN_OK, en_place_find("one", directory, &place));
  IS(EN_OK, en_link_connect(&place, nonce, &silent));
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    uint32_t status = answer_to(&options, all[i].offset, all[i].value);
    if (status != all[i].status) (void)fprintf(stderr, "word at %u: status %u\n", all[i].offset, status);
    CHECK(status == all[i].status);
  }
  en_link_close(silent);
  stop(&h);
}

/* A client that leaves as soon as it is connected was connected all the same. */
static void short_visit(void) {
  en_options options = in_directory();
  en_server *server;
  en_connection *connection;
  en_place place;
  uint8_t nonce[16], request[EN_MESSAGE_BYTES] = {0}, reply[EN_MESSAGE_BYTES];
  int link, region = -1;
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_place_find("one", directory, &place));
  IS(EN_OK, en_link_connect(&place, nonce, &link));
  en_put32(request, EN_MAGIC_REQUEST);
  en_put32(request + 4, EN_LAYOUT_VERSION);
  en_put32(request + 8, EN_MIN_REGION);
  memcpy(request + 16, nonce, 16);
  en_put_limits(request + 32, &(en_limits){1000, EN_MIN_WINDOW, 1, EN_FLAG_CLOSE});
  CHECK(en_link_put(link, request, sizeof request, -1));
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &connection));
  CHECK(en_link_take(link, reply, sizeof reply, &region) == (int)sizeof reply && en_get32(reply + 12) == 0);
  CHECK(en_link_put(link, (const uint8_t *)"", 1, -1));
  en_region_close(region);
  en_link_close(link);
  IS(EN_OK, en_accept(server, 0, &connection));
  IS(EN_PEER_DIED, en_poll(connection));
  en_connection_free(connection);
  en_server_free(server);
}

/* Continues both sides on one thread until the attempt has ended. */
static en_status finish_attempt(en_connecting *attempt, en_connection **client, en_server *server,
                                en_connection **accepted) {
  en_status status;
  *accepted = NULL;
  while ((status = en_connect_poll(attempt, client)) == EN_WOULD_BLOCK) {
    if (server) IS(EN_WOULD_BLOCK, en_accept(server, 0, accepted));
  }
  if (!status) IS(EN_OK, en_accept(server, 0, accepted));
  return status;
}

static void connects_without_waiting(void) {
  en_options options = in_directory();
  en_server *server;
  en_connecting *attempt = (en_connecting *)1;
  en_connection *client, *accepted;
  en_message message;
  IS(EN_INVALID_PARAMETER, en_connect_start("one", &options, NULL));
  IS(EN_INVALID_PARAMETER, en_connect_start("", &options, &attempt));
  CHECK(attempt == NULL && en_connect_descriptor(NULL) == -1);
  en_connect_free(NULL);
  IS(EN_INVALID_PARAMETER, en_connect_poll(NULL, &client));
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_INVALID_PARAMETER, en_connect_poll(attempt, NULL));
  IS(EN_TRANSPORT_UNAVAILABLE, en_connect_poll(attempt, &client)); /* there is no server yet */
  IS(EN_INVALID_PARAMETER, en_connect_poll(attempt, &client));
  en_connect_free(attempt);

  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  CHECK(en_connect_descriptor(attempt) == -1);
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  int descriptor = en_connect_descriptor(attempt);
  CHECK(client == NULL && descriptor >= 0 && !en_link_readable(descriptor, 0));
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &accepted));
  CHECK(en_link_readable(descriptor, 0));
  IS(EN_OK, en_connect_poll(attempt, &client));
  CHECK(en_descriptor(client) == descriptor && en_connect_descriptor(attempt) == -1);
  en_connect_free(attempt); /* the connection stands */
  IS(EN_OK, en_accept(server, 0, &accepted));
  IS(EN_OK, en_try_send(client, EN_DEFAULT_CHANNEL, "hello", 5));
  IS(EN_OK, en_receive(accepted, EN_DEFAULT_CHANNEL, &message));
  CHECK(message.length == 5);
  en_connection_free(client);
  en_connection_free(accepted);

  /* An attempt that is given up leaves the server nothing. */
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  en_connect_free(attempt);
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &accepted));

  options.connect_timeout_ms = 1;
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_TIMEOUT, finish_attempt(attempt, &client, NULL, &accepted)); /* nobody accepts */
  descriptor = en_connect_descriptor(attempt);
  CHECK(en_link_readable(descriptor, 0)); /* open until the program frees it */
  en_connect_free(attempt);
  en_server_free(server);
}

static void proves_without_waiting(void) {
  en_options options = in_directory();
  en_server *server;
  en_connecting *attempt;
  en_connection *client, *accepted;
  char secret[] = "a secret of sixteen letters and more";
  options.secret = secret;
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  memset(secret, 'x', sizeof secret - 1); /* the library has copied it */
  IS(EN_OK, finish_attempt(attempt, &client, server, &accepted));
  en_connect_free(attempt);
  en_connection_free(client);
  en_connection_free(accepted);
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_HANDSHAKE_FAILED, finish_attempt(attempt, &client, server, &accepted));
  CHECK(strstr(en_last_error()->message, "another secret") != NULL && client == NULL);
  en_connect_free(attempt);
  en_server_free(server);
}

/* While the server's queue is full, an attempt has no descriptor and goes on later. */
static void waits_for_a_place_in_the_queue(void) {
  en_options options = in_directory();
  en_server *server;
  en_connecting *attempts[300];
  en_connection *client, *accepted;
  size_t count = 0;
  IS(EN_OK, en_listen("one", &options, &server));
  do {
    CHECK(count < sizeof attempts / sizeof *attempts);
    IS(EN_OK, en_connect_start("one", &options, &attempts[count]));
    IS(EN_WOULD_BLOCK, en_connect_poll(attempts[count], &client));
  } while (en_connect_descriptor(attempts[count++]) >= 0);
  CHECK(count > 1);
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &accepted));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempts[count - 1], &client));
  CHECK(en_connect_descriptor(attempts[count - 1]) >= 0);
  while (count > 0) en_connect_free(attempts[--count]);
  en_server_free(server);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  directory = argv[1];
  vectors();
  names();
  names_come_back();
  limits();
  admission_and_secrets();
  requests();
  short_visit();
  connects_without_waiting();
  proves_without_waiting();
  waits_for_a_place_in_the_queue();
  (void)printf("10 groups of checks passed\n");
  return 0;
}
