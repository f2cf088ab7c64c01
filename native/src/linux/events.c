/* The queue of a server on Linux: epoll, eventfd and timerfd. */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../posix/calls.h"

bool en_events_open(en_events *e, int period_ms) {
  struct timespec period = {period_ms / 1000, period_ms % 1000 * 1000000L};
  struct itimerspec times = {period, period};
  e->queue = epoll_create1(EPOLL_CLOEXEC);
  e->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  e->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  return e->queue >= 0 && e->wake >= 0 && e->timer >= 0 && timerfd_settime(e->timer, 0, &times, NULL) == 0 &&
         en_events_watch(e, e->wake) && en_events_watch(e, e->timer);
}

bool en_events_watch(en_events *e, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
  return epoll_ctl(e->queue, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void en_events_unwatch(en_events *e, int descriptor) {
  (void)epoll_ctl(e->queue, EPOLL_CTL_DEL, descriptor, NULL);
}

void en_events_mute(en_events *e, int descriptor, bool mute) {
  struct epoll_event event = {.events = mute ? 0 : EPOLLIN, .data.fd = descriptor};
  (void)epoll_ctl(e->queue, EPOLL_CTL_MOD, descriptor, &event);
}

void en_events_wake(en_events *e) {
  uint64_t one = 1;
  if (write(e->wake, &one, sizeof one) < 0) return; /* it is awake already */
}

void en_events_clear(en_events *e) {
  uint64_t count;
  if (read(e->wake, &count, sizeof count) < 0) count = 0;
  if (read(e->timer, &count, sizeof count) < 0) count = 0;
}

void en_events_close(en_events *e) {
  int all[] = {e->queue, e->wake, e->timer};
  for (int i = 0; i < 3; i++) {
    if (all[i] >= 0) (void)close(all[i]);
  }
}
