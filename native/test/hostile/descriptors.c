/* Descriptors and wakes that nobody asked for. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/posix/names.h"
#include "hostile.h"

/* A socket with unsent bytes whose close waits until they are taken from *end, or for a minute. */
static int lingering(int *end) {
  static const uint8_t bytes[65536];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  struct linger minute = {1, 60};
  int listening = socket(AF_INET, SOCK_STREAM, 0), made = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(listening, (struct sockaddr *)&address, size) == 0 && listen(listening, 1) == 0);
  CHECK(getsockname(listening, (struct sockaddr *)&address, &size) == 0);
  CHECK(connect(made, (struct sockaddr *)&address, size) == 0);
  *end = accept(listening, NULL, NULL);
  CHECK(*end >= 0 && close(listening) == 0);
  while (send(made, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
  CHECK(setsockopt(made, SOL_SOCKET, SO_LINGER, &minute, sizeof minute) == 0);
  return made;
}

static void pass(int link, int descriptor) {
  CHECK(en_link_put(link, (const uint8_t *)"x", 1, descriptor) && close(descriptor) == 0);
}

/* Another thread closes it; that thread is not done before the bytes are taken. */
static void is_closed_elsewhere(int end) {
  static uint8_t bytes[65536];
  while (en_waiting_to_close() > 1) en_pause_ms(1); /* links with unread bytes, which close at once */
  CHECK(en_waiting_to_close() == 1);
  while (recv(end, bytes, sizeof bytes, 0) > 0) continue;
  while (en_waiting_to_close() > 0) en_pause_ms(1);
  CHECK(close(end) == 0);
}

void descriptors(void) {
  int end, links[2], region = -1;
  uint8_t byte;
  en_pair pair = small_pair(); /* beside a wake */
  pass(pair.client->link, lingering(&end));
  pair.server->look = true;
  IS(EN_INVALID_MESSAGE, en_poll(pair.server));
  free_pair(pair);
  is_closed_elsewhere(end);

  pair = small_pair(); /* beside a wake that nobody looked at */
  pass(pair.client->link, lingering(&end));
  free_pair(pair);
  is_closed_elsewhere(end);

  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, links) == 0); /* in a client's handshake */
  pass(links[0], lingering(&end));
  CHECK(en_link_take(links[1], &byte, 1, NULL) == EN_TAKE_ABUSED);
  en_link_close(links[1]);
  is_closed_elsewhere(end);
  en_link_close(links[0]);

  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, links) == 0); /* in place of a server's region */
  pass(links[0], lingering(&end));
  CHECK(en_link_take(links[1], &byte, 1, &region) == EN_TAKE_ABUSED && region == -1);
  en_link_close(links[1]);
  is_closed_elsewhere(end);
  en_link_close(links[0]);

  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, links) ==
        0); /* a region that comes behind a byte */
  CHECK(en_link_put(links[0], (const uint8_t *)"1", 1, -1));
  pass(links[0], memfd_create("region", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  CHECK(en_link_take(links[1], &byte, 1, &region) == 1 && byte == '1' && region == -1);
  CHECK(en_link_take(links[1], &byte, 1, &region) == 1 && byte == 'x' && region >= 0);
  CHECK(en_link_take(links[1], &byte, 1, &region) == EN_TAKE_NOTHING);
  en_region_close(region);
  en_link_close(links[0]);
  en_link_close(links[1]);
  CHECK(en_waiting_to_close() == 0);
}

/* The process has no descriptor left to accept the client that waits at a socket which it closes. */
void a_queue_without_descriptors(void) {
  int end, listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  socklen_t size = sizeof address.sun_family; /* the system chooses an abstract name */
  struct rlimit before, none;
  CHECK(bind(listening, (struct sockaddr *)&address, size) == 0 && listen(listening, 1) == 0);
  size = sizeof address;
  CHECK(getsockname(listening, (struct sockaddr *)&address, &size) == 0);
  CHECK(connect(client, (struct sockaddr *)&address, size) == 0);
  pass(client, lingering(&end));
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 0;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  en_listening_close(listening);
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  is_closed_elsewhere(end);
  CHECK(close(client) == 0);
}

#ifdef __GLIBC__
/* The system refuses the thread that closes descriptors, because its stack would exceed all addresses. */
void a_refused_thread(void) {
  int links[2];
  pthread_attr_t before, endless;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, links) == 0);
  CHECK(en_link_put(links[1], (const uint8_t *)"x", 1, -1));
  CHECK(pthread_getattr_default_np(&before) == 0 && pthread_attr_init(&endless) == 0);
  CHECK(pthread_attr_setstacksize(&endless, (size_t)1 << 50) == 0);
  CHECK(pthread_setattr_default_np(&endless) == 0);
  en_link_close(links[0]);
  CHECK(en_waiting_to_close() == 1);
  CHECK(pthread_setattr_default_np(&before) == 0);
  CHECK(pthread_attr_destroy(&endless) == 0 && pthread_attr_destroy(&before) == 0);
  /* A server that admits nobody can do no more than ask. */
  while (en_waiting_to_close() > 0) en_pause_ms(1);
  en_link_close(links[1]);
}
#endif

/* Closes descriptors in a process whose thread for that has stayed in the other one. */
static void close_after_fork(void) {
  int links[2];
  CHECK(en_waiting_to_close() == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, links) == 0);
  en_close_elsewhere(links[0]);
  while (en_waiting_to_close() > 0) en_pause_ms(1);
  CHECK(fcntl(links[0], F_GETFD) < 0);
  en_link_close(links[1]);
}

/* A process forks while its thread closes a descriptor. */
void a_forked_process(void) {
  int end, status, made = lingering(&end);
  en_close_elsewhere(made);
  while (fcntl(made, F_GETFD) >= 0) en_pause_ms(1); /* then the thread is inside the close */
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close_after_fork();
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  is_closed_elsewhere(end);
}

/* A server does not look at dropped clients again, also if their descriptors wait to be closed. */
void dropped_clients(void) {
  static uint8_t bytes[65536];
  char directory[] = "/tmp/entropynet-hostile-XXXXXX";
  en_options options = {.size = sizeof options, .directory = directory};
  en_server *server;
  en_connection *connection;
  en_place place;
  en_link links[3];
  int ends[3], looks = 0;
  uint8_t nonce[16];
  CHECK(mkdtemp(directory) != NULL);
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_place_find("one", directory, &place));
  for (int i = 0; i < 3; i++) {
    IS(EN_OK, en_link_connect(&place, nonce, &links[i]));
    pass(links[i], lingering(&ends[i]));
  }
  /* The timer of the server may make its descriptor readable, too, but not each time. */
  do IS(EN_WOULD_BLOCK, en_accept(server, 0, &connection));
  while (++looks < 4 && en_link_readable(en_server_descriptor(server), 0));
  CHECK(looks < 4 && en_waiting_to_close() == 3);
  while (en_waiting_to_close() > 0) {
    for (int i = 0; i < 3; i++) {
      while (recv(ends[i], bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
    }
    en_pause_ms(1);
  }
  for (int i = 0; i < 3; i++) {
    CHECK(close(ends[i]) == 0);
    en_link_close(links[i]);
  }
  en_server_free(server);
  CHECK(rmdir(directory) == 0);
}

/* What a peer has put into the link is taken in parts, so that each look ends. */
void flood(void) {
  static const uint8_t bytes[4096];
  int links[2];
  size_t sent = 0;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, links) == 0);
  while (send(links[0], bytes, sizeof bytes, 0) > 0) sent += sizeof bytes;
  CHECK(sent > 65536);
  CHECK(en_link_drain(links[1]) == EN_LINK_OPEN && en_link_readable(links[1], 0));
  for (; sent > 65536; sent -= 65536) CHECK(en_link_drain(links[1]) == EN_LINK_OPEN);
  CHECK(en_link_drain(links[1]) == EN_LINK_OPEN && !en_link_readable(links[1], 0));
  en_link_close(links[0]);
  en_link_close(links[1]);
}
