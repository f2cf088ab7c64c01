/* The names and the listening socket of a server. Section 1 of the protocol. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../error.h"
#include "../wire.h"
#include "calls.h"
#include "names.h"

#define RENEW_MS 1000
#define STARVED_MS 100

/* While this number of passed descriptors is being closed, the server admits no client, because each may
 * bring more. */
#define WAITING_TO_CLOSE 64

/* The largest number of sockets whose name was replaced, and at which clients may still wait. */
#define OLD_SOCKETS 4

struct en_listener {
  en_place place;
  en_names names;
  int old[OLD_SOCKETS];
  en_events events;
  bool held;
  int64_t looked_at,
      starved_until; /* when the names were looked at; without descriptors, when to accept again */
  en_status status;  /* of the last look */
};

en_status en_listener_open(const en_place *place, uint32_t max_connections, const char *library,
                           int64_t deadline, en_listener **out) {
  en_listener *l = calloc(1, sizeof *l);
  if (!l) return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a server.");
  l->place = *place;
  for (int i = 0; i < OLD_SOCKETS; i++) l->old[i] = -1;
  en_names_clear(&l->names);
  l->looked_at = en_now_ms();
  en_status status = EN_OK;
  if (!en_events_open(&l->events, RENEW_MS)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no descriptor for a server: %s.",
                     strerror(errno));
  } else if (!en_random(l->names.nonce, sizeof l->names.nonce)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no random bytes.");
  } else {
    l->names.max_connections = max_connections;
    strcpy(l->names.library, library);
    status = en_names_take(&l->names, place, deadline);
  }
  if (!status && !en_events_watch(&l->events, l->names.socket)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system can't watch the socket: %s.", strerror(errno));
  }
  if (status)
    en_listener_close(l);
  else
    *out = l;
  return status;
}

void en_listener_nonce(const en_listener *l, uint8_t nonce[16]) { memcpy(nonce, l->names.nonce, 16); }

int en_listener_descriptor(const en_listener *l) { return l->events.queue; }

bool en_listener_watch(en_listener *l, int link) { return en_events_watch(&l->events, link); }

void en_listener_unwatch(en_listener *l, int link) { en_events_unwatch(&l->events, link); }

void en_listener_wait(en_listener *l, int ms) {
  struct pollfd look = {l->events.queue, POLLIN, 0};
  (void)poll(&look, 1, ms);
  en_events_clear(&l->events);
}

void en_listener_wake(en_listener *l) { en_events_wake(&l->events); }

static int take_from(int socket) {
  for (;;) {
    uid_t user;
    int fd = en_socket_accept(socket);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0) return -1;
    if (en_socket_user(fd, &user) && user == geteuid()) return fd;
    en_link_close(fd); /* another user gets no answer */
  }
}

int en_listener_take(en_listener *l) {
  int fd = -1;
  if (en_waiting_to_close() >= WAITING_TO_CLOSE) {
    l->starved_until = en_now_ms() + STARVED_MS;
    return fd;
  }
  errno = 0;
  for (int i = 0; fd < 0 && i < OLD_SOCKETS; i++) {
    if (l->old[i] >= 0) fd = take_from(l->old[i]);
  }
  if (fd < 0) fd = take_from(l->names.socket);
  /* The socket stays readable meanwhile. Without a pause the program would loop. */
  if (fd < 0 && errno != EAGAIN && errno != EWOULDBLOCK) l->starved_until = en_now_ms() + STARVED_MS;
  return fd;
}

void en_listener_hold(en_listener *l, bool hold) {
  hold = hold || en_now_ms() < l->starved_until;
  if (hold == l->held) return;
  l->held = hold;
  for (int i = -1; i < OLD_SOCKETS; i++) {
    int fd = i < 0 ? l->names.socket : l->old[i];
    if (fd < 0) continue;
    en_events_mute(&l->events, fd, hold);
  }
}

en_status en_listener_renew(en_listener *l) {
  int64_t now = en_now_ms();
  if (now - l->looked_at < RENEW_MS) return l->status;
  l->looked_at = now;
  int before = l->names.socket;
  l->status = en_names_renew(&l->names, &l->place);
  if (l->names.socket == before) return l->status;
  /* Clients may still wait at the replaced socket. */
  if (l->old[0] >= 0) en_listening_close(l->old[0]);
  memmove(l->old, l->old + 1, (OLD_SOCKETS - 1) * sizeof *l->old);
  l->old[OLD_SOCKETS - 1] = before;
  (void)en_events_watch(&l->events, l->names.socket);
  if (l->held) {
    l->held = false;
    en_listener_hold(l, true);
  }
  return l->status;
}

void en_listener_close(en_listener *l) {
  en_names_give_back(&l->names, &l->place);
  for (int i = 0; i < OLD_SOCKETS; i++) {
    if (l->old[i] >= 0) en_listening_close(l->old[i]);
  }
  en_events_close(&l->events);
  free(l);
}
