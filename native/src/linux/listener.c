/* The names and the listening socket of a server. Section 1 of the protocol. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "../error.h"
#include "../platform.h"
#include "../wire.h"
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
  int events, wake, timer; /* epoll, eventfd, timerfd */
  bool held;
  int64_t looked_at,
      starved_until; /* when the names were looked at; without descriptors, when to accept again */
  en_status status;  /* of the last look */
};

static bool watch(int events, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_events(en_listener *l) {
  struct itimerspec second = {{RENEW_MS / 1000, 0}, {RENEW_MS / 1000, 0}};
  l->events = epoll_create1(EPOLL_CLOEXEC);
  l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  return l->events >= 0 && l->wake >= 0 && l->timer >= 0 &&
         timerfd_settime(l->timer, 0, &second, NULL) == 0 && watch(l->events, l->wake) &&
         watch(l->events, l->timer);
}

static void close_one(int fd) {
  if (fd >= 0) (void)close(fd);
}

en_status en_listener_open(const en_place *place, uint32_t max_connections, const char *library,
                           int64_t deadline, en_listener **out) {
  en_listener *l = calloc(1, sizeof *l);
  if (!l) return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a server.");
  l->place = *place;
  l->events = l->wake = l->timer = -1;
  for (int i = 0; i < OLD_SOCKETS; i++) l->old[i] = -1;
  en_names_clear(&l->names);
  l->looked_at = en_now_ms();
  en_status status = EN_OK;
  if (!open_events(l)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no descriptor for a server: %s.",
                     strerror(errno));
  } else if (!en_random(l->names.nonce, sizeof l->names.nonce)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no random bytes.");
  } else {
    l->names.max_connections = max_connections;
    strcpy(l->names.library, library);
    status = en_names_take(&l->names, place, deadline);
  }
  if (!status && !watch(l->events, l->names.socket)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system can't watch the socket: %s.", strerror(errno));
  }
  if (status)
    en_listener_close(l);
  else
    *out = l;
  return status;
}

void en_listener_nonce(const en_listener *l, uint8_t nonce[16]) { memcpy(nonce, l->names.nonce, 16); }

int en_listener_descriptor(const en_listener *l) { return l->events; }

bool en_listener_watch(en_listener *l, int link) { return watch(l->events, link); }

void en_listener_unwatch(en_listener *l, int link) { (void)epoll_ctl(l->events, EPOLL_CTL_DEL, link, NULL); }

void en_listener_wait(en_listener *l, int ms) {
  struct pollfd look = {l->events, POLLIN, 0};
  (void)poll(&look, 1, ms);
  uint64_t count;
  if (read(l->wake, &count, sizeof count) < 0) count = 0;
  if (read(l->timer, &count, sizeof count) < 0) count = 0;
}

void en_listener_wake(en_listener *l) {
  uint64_t one = 1;
  if (write(l->wake, &one, sizeof one) < 0) return; /* it is awake already */
}

static int take_from(int socket) {
  for (;;) {
    int fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0) return -1;
    struct ucred user;
    socklen_t size = sizeof user;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) == 0 && user.uid == geteuid()) return fd;
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
    struct epoll_event event = {.events = hold ? 0 : EPOLLIN, .data.fd = fd};
    (void)epoll_ctl(l->events, EPOLL_CTL_MOD, fd, &event);
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
  (void)watch(l->events, l->names.socket);
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
  close_one(l->events);
  close_one(l->wake);
  close_one(l->timer);
  free(l);
}
