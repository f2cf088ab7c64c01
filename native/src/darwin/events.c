/* The queue of a server on macOS: kqueue, whose wake and timer need no descriptors. */
#include <errno.h>
#include <sys/event.h>
#include <unistd.h>

#include "../posix/calls.h"

/* The wake and the timer in the queue. They are no descriptors, so any numbers do. */
#define WAKE 0
#define TIMER 1

/* More than a server watches: 64 handshakes, its sockets, the wake and the timer. */
#define MOST_EVENTS 128

static bool change(en_events *e, int ident, int16_t filter, uint16_t flags, uint32_t filter_flags, int data) {
  struct kevent event;
  int result;
  EV_SET(&event, (uintptr_t)ident, filter, flags, filter_flags, data, NULL);
  do result = kevent(e->queue, &event, 1, NULL, 0, NULL);
  while (result < 0 && errno == EINTR);
  return result >= 0;
}

/* Programs that this process starts never inherit a kqueue. */
bool en_events_open(en_events *e, int period_ms) {
  e->wake = e->timer = -1;
  e->queue = kqueue();
  return e->queue >= 0 && change(e, WAKE, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0) &&
         change(e, TIMER, EVFILT_TIMER, EV_ADD | EV_CLEAR, 0, period_ms);
}

bool en_events_watch(en_events *e, int descriptor) {
  return change(e, descriptor, EVFILT_READ, EV_ADD, 0, 0);
}

void en_events_unwatch(en_events *e, int descriptor) {
  (void)change(e, descriptor, EVFILT_READ, EV_DELETE, 0, 0);
}

void en_events_mute(en_events *e, int descriptor, bool mute) {
  (void)change(e, descriptor, EVFILT_READ, mute ? EV_DISABLE : EV_ENABLE, 0, 0);
}

void en_events_wake(en_events *e) { (void)change(e, WAKE, EVFILT_USER, 0, NOTE_TRIGGER, 0); }

/* A reported wake or timer is over. Descriptors are reported again as long as they can be read. */
void en_events_clear(en_events *e) {
  struct kevent events[MOST_EVENTS];
  const struct timespec none = {0, 0};
  (void)kevent(e->queue, NULL, 0, events, MOST_EVENTS, &none);
}

void en_events_close(en_events *e) {
  if (e->queue >= 0) (void)close(e->queue);
}
