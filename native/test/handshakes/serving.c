/* Names, limits, admission and secrets of a server. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handshakes.h"

void vectors(void) {
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

void names(void) {
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
#if !defined(_WIN32)
  CHECK(chmod(directory, 0770) == 0); /* the group may write: nothing inside can be trusted */
  IS(EN_SHARED_MEMORY_PERMISSION, en_listen("one", &options, &server));
  IS(EN_SHARED_MEMORY_PERMISSION, en_connect("one", &options, &connection));
  CHECK(chmod(directory, 0700) == 0);
#else
  (void)connection;
#endif
}

/* On Windows nobody can remove the working directory of a process. */
void a_relative_directory(void) {
#if !defined(_WIN32)
  char gone[] = "/tmp/entropynet-XXXXXX";
  en_options options = {.size = sizeof options, .directory = "relative"};
  en_connection *connection;
  int here = open(".", O_RDONLY);
  CHECK(here >= 0 && mkdtemp(gone) && chdir(gone) == 0 && rmdir(gone) == 0);
  IS(EN_INVALID_PARAMETER, en_connect("one", &options, &connection));
  CHECK(strstr(en_last_error()->message, "working directory") != NULL);
  CHECK(fchdir(here) == 0 && close(here) == 0);
#endif
}

/* On Windows the files of a living server can't be removed. */
void names_come_back(void) {
#if !defined(_WIN32)
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
#endif
}

/* A client that comes when another server has taken the name is served. The next call tells of that server.
 */
void tells_of_another_server(void) {
#if !defined(_WIN32)
  en_options options = in_directory();
  en_server *server, *other;
  en_connecting *attempt;
  en_connection *client, *accepted, *nobody;
  en_place place;
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &accepted));
  IS(EN_OK, en_connect_poll(attempt, &client));
  IS(EN_OK, en_place_find("one", directory, &place));
  CHECK(unlink(place.socket) == 0 && unlink(place.region) == 0);
  IS(EN_OK, en_listen("one", &options, &other));
  for (int64_t end = en_now_ms() + 1000; en_now_ms() < end;) en_pause_ms(10); /* then it looks at its names */
  IS(EN_INVALID_PARAMETER, en_accept(NULL, 0, &accepted));
  IS(EN_OK, en_accept(server, 0, &accepted));
  CHECK(en_last_error()->status == EN_INVALID_PARAMETER);
  IS(EN_ADDRESS_IN_USE, en_accept(server, 0, &nobody));
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &nobody));
  en_connection_free(accepted);
  en_connection_free(client);
  en_connect_free(attempt);
  en_server_free(server);
  en_server_free(other);
#endif
}

void limits(void) {
  en_options options = in_directory();
  en_connection *first, *second;
  en_connection_info info = {.size = sizeof info};
  host h;
  options.max_connections = 1;
  options.region_size = 100001;
  start(&h, &options);
  options.region_size = 65537;
  IS(EN_INVALID_PARAMETER, en_connect("", &options, &first));
  IS(EN_OK, en_connect("one", &options, &first));
  CHECK(en_last_error()->status == EN_INVALID_PARAMETER); /* waiting is no failure */
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

/* Connects two clients. The program accepts one of them. */
static void connect_two(en_server *server, const en_options *options, en_connection *clients[2],
                        en_connection **accepted) {
  en_connecting *attempts[2];
  for (int i = 0; i < 2; i++) {
    IS(EN_OK, en_connect_start("one", options, &attempts[i]));
    IS(EN_WOULD_BLOCK, en_connect_poll(attempts[i], &clients[i]));
  }
  IS(EN_WOULD_BLOCK, en_accept(server, 0, accepted));
  for (int i = 0; i < 2; i++) {
    IS(EN_OK, en_connect_poll(attempts[i], &clients[i]));
    en_connect_free(attempts[i]);
  }
  IS(EN_OK, en_accept(server, 0, accepted));
}

/* A client that left before the program accepted it gives its place to the next one, unless it left messages.
 */
void left_clients(void) {
  en_options options = in_directory();
  options.max_connections = 2;
  for (int messages = 0; messages < 2; messages++) {
    en_server *server;
    en_connecting *attempt;
    en_connection *clients[2], *accepted, *left = NULL, *next = NULL;
    en_message message;
    IS(EN_OK, en_listen("one", &options, &server));
    connect_two(server, &options, clients, &accepted);
    for (int i = 0; i < 2; i++) {
      if (messages) IS(EN_OK, en_try_send(clients[i], EN_DEFAULT_CHANNEL, "last", 4));
      en_connection_free(clients[i]);
    }
    IS(EN_OK, en_connect_start("one", &options, &attempt));
    IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &next));
    IS(messages ? EN_OK : EN_WOULD_BLOCK, en_accept(server, 0, &left));
    IS(messages ? EN_RESOURCE_LIMIT_EXCEEDED : EN_OK, en_connect_poll(attempt, &next));
    if (messages) {
      IS(EN_OK, en_receive(left, EN_DEFAULT_CHANNEL, &message));
      CHECK(message.length == 4);
    }
    en_connect_free(attempt);
    en_connection_free(next);
    en_connection_free(left);
    en_connection_free(accepted);
    en_server_free(server);
  }
}

static en_status admit_nobody(void *user) {
  ++*(int *)user;
  return EN_RESOURCE_LIMIT_EXCEEDED;
}

void admission_and_secrets(void) {
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
