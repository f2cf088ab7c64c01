/* Several servers of one name. */
/* For pwrite() and lstat() in C11 without extensions. */
#define _GNU_SOURCE
#include "handshakes.h"

#if defined(_WIN32)

/* There a file has one name only, so that no server can be put into a slot. */
void asks_each_server_of_a_name(void) {}
void gives_each_server_a_turn(void) {}
void keeps_off_a_shared_name(void) {}

#else

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* A server of another name, whose files also stand in a slot of "one". */
typedef struct {
  en_server *server;
  en_connection *accepted;
  en_place place;
} sharer;

static en_place place_of(const char *name, uint32_t slot) {
  en_place first, place;
  IS(EN_OK, en_place_find(name, directory, &first));
  if (slot == 0) return first;
  CHECK(!en_place_slot(&first, slot, &place)); /* it has no files yet */
  return place;
}

/* `flags` are those of the discovery region. */
static sharer share(const char *name, uint32_t slot, uint32_t flags) {
  sharer s = {.place = place_of("one", slot)};
  en_options options = in_directory();
  en_place own = place_of(name, 0);
  uint8_t bytes[4];
  options.max_connections = 1;
  IS(EN_OK, en_listen(name, &options, &s.server));
  en_put32(bytes, flags);
  int region = open(own.region, O_WRONLY | O_CLOEXEC);
  CHECK(region >= 0 && pwrite(region, bytes, sizeof bytes, EN_DISCOVERY_FLAGS) == sizeof bytes);
  CHECK(close(region) == 0);
  CHECK(link(own.region, s.place.region) == 0 && link(own.socket, s.place.socket) == 0);
  return s;
}

/* Leaves the files in the slot, as a server that was killed does. */
static void kill_server(sharer *s) {
  en_connection_free(s->accepted);
  en_server_free(s->server);
  s->server = NULL;
  s->accepted = NULL;
}

static void take_away(sharer *s) {
  kill_server(s);
  CHECK(unlink(s->place.region) == 0 && unlink(s->place.socket) == 0);
}

static void serve(sharer *s) {
  en_connection *client;
  if (!s->server || en_accept(s->server, 0, &client)) return;
  CHECK(s->accepted == NULL);
  s->accepted = client;
}

/* Connects to "one" while two servers accept. */
static en_status visit(sharer *first, sharer *second, en_connection **client) {
  en_options options = in_directory();
  en_connecting *attempt;
  en_status status;
  int before = -1;
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  while ((status = en_connect_poll(attempt, client)) == EN_WOULD_BLOCK) {
    CHECK(en_connect_descriptor(attempt) >= 0);
    before = en_connect_descriptor(attempt);
    serve(first);
    serve(second);
  }
  CHECK(status != EN_OK || en_descriptor(*client) == before);
  en_connect_free(attempt);
  return check_status(status);
}

void asks_each_server_of_a_name(void) {
  en_connection *clients[3];
  /* No region in slot 0. */
  sharer none = {0}, last = share("last", 63, EN_FLAG_SHARED);
  IS(EN_OK, visit(&none, &last, &clients[0]));
  en_connection_free(clients[0]);
  /* A dead server in slot 0. */
  sharer dead = share("dead", 0, EN_FLAG_SHARED);
  kill_server(&dead);
  take_away(&last);
  last = share("last", 63, EN_FLAG_SHARED);
  IS(EN_OK, visit(&none, &last, &clients[0]));
  en_connection_free(clients[0]);
  take_away(&dead);
  take_away(&last);
  /* Each takes one client, so both are asked in whichever order. */
  sharer first = share("first", 0, EN_FLAG_SHARED), second = share("second", 7, EN_FLAG_SHARED);
  IS(EN_OK, visit(&first, &second, &clients[0]));
  IS(EN_OK, visit(&first, &second, &clients[1]));
  IS(EN_RESOURCE_LIMIT_EXCEEDED, visit(&first, &second, &clients[2]));
  en_connection_free(clients[0]);
  en_connection_free(clients[1]);
  take_away(&first);
  /* A server that does not share is the only one. */
  first = share("first", 0, 0);
  IS(EN_OK, visit(&first, &second, &clients[0]));
  IS(EN_RESOURCE_LIMIT_EXCEEDED, visit(&first, &second, &clients[1]));
  en_connection_free(clients[0]);
  take_away(&first);
  take_away(&second);
}

/* Waits as an event loop does, until the attempt has another descriptor. Returns the status of the last call.
 */
static en_status wait_for_turn(en_connecting *attempt, en_connection **client) {
  const int before = en_connect_descriptor(attempt);
  en_status status = EN_WOULD_BLOCK;
  while (status == EN_WOULD_BLOCK && en_connect_descriptor(attempt) == before) {
    struct pollfd watched = {.fd = before, .events = POLLIN};
    (void)poll(&watched, 1, en_connect_wait_ms(attempt));
    status = en_connect_poll(attempt, client);
  }
  return status;
}

void gives_each_server_a_turn(void) {
  en_options options = in_directory();
  en_connecting *attempt;
  en_connection *client;
  sharer first = share("first", 0, EN_FLAG_SHARED);
  options.connect_timeout_ms = 2000;
  /* Both are silent in their first turns. */
  sharer second = share("second", 2, EN_FLAG_SHARED);
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  CHECK(en_connect_wait_ms(attempt) < 100);
  for (int turn = 0; turn < 3; turn++) {
    CHECK(wait_for_turn(attempt, &client) == EN_WOULD_BLOCK && en_connect_descriptor(attempt) >= 0);
    CHECK(en_connect_wait_ms(attempt) <= 500);
  }
  en_status status;
  while ((status = en_connect_poll(attempt, &client)) == EN_WOULD_BLOCK) {
    serve(&first);
    serve(&second);
  }
  IS(EN_OK, status);
  CHECK(en_connect_wait_ms(attempt) == 0 && en_connect_wait_ms(NULL) == 0);
  en_connect_free(attempt);
  en_connection_free(client);
  take_away(&second);
  /* One without others has all the time. */
  options.connect_timeout_ms = 100;
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  IS(EN_TIMEOUT, wait_for_turn(attempt, &client));
  CHECK(en_connect_wait_ms(attempt) == 0);
  en_connect_free(attempt);
  take_away(&first);
}

static bool is_there(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0;
}

/* In a directory whose name is so long that the path of a socket has room for slot 0 only. */
static void ignores_a_slot_without_room(void) {
  char deep[75];
  en_options options = in_directory();
  en_place first, place;
  en_server *server;
  size_t length = strlen(directory);
  CHECK(length < sizeof deep - 2);
  memset(deep, 'x', sizeof deep - 1);
  memcpy(deep, directory, length);
  deep[length] = '/';
  deep[sizeof deep - 1] = '\0';
  options.directory = deep;
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_place_find("one", deep, &first));
  (void)en_place_slot(&first, 10, &place);
  int region = open(place.region, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(region >= 0 && close(region) == 0 && !en_place_slot(&first, 10, &place));
  en_server_free(server);
  IS(EN_OK, en_listen("one", &options, &server));
  en_server_free(server);
  CHECK(unlink(place.region) == 0 && rmdir(deep) == 0);
}

void keeps_off_a_shared_name(void) {
  en_options options = in_directory();
  en_server *server;
  sharer other = share("other", 9, EN_FLAG_SHARED);
  IS(EN_ADDRESS_IN_USE, en_listen("one", &options, &server));
  CHECK(strstr(en_last_error()->message, "shares the endpoint 'one'") != NULL);
  CHECK(is_there(other.place.socket) && is_there(other.place.region));
  kill_server(&other);
  IS(EN_OK, en_listen("one", &options, &server));
  CHECK(!is_there(other.place.socket) && !is_there(other.place.region));
  en_server_free(server);
  ignores_a_slot_without_room();
}

#endif
