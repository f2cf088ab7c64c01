/* What differs between the POSIX systems. The folder of each system implements it. Programs that this process
 * starts inherit none of the descriptors, and no socket waits. */
#ifndef ENTROPYNET_CALLS_H
#define ENTROPYNET_CALLS_H

#include <sys/types.h>

#include "../platform.h"

/* Both clocks stand still while the machine sleeps. */
#if defined(__APPLE__)
#define EN_CLOCK CLOCK_UPTIME_RAW
#define EN_COARSE_CLOCK CLOCK_UPTIME_RAW_APPROX
#else
#define EN_CLOCK CLOCK_MONOTONIC
#define EN_COARSE_CLOCK CLOCK_MONOTONIC_COARSE
#endif

/* Whether a socket refuses a client also if its queue is full. Then only the lock shows if its server lives.
 */
#if defined(__APPLE__)
#define EN_FULL_QUEUE_REFUSES true
#else
#define EN_FULL_QUEUE_REFUSES false
#endif

/* The flags of a send, which never waits. No send raises the signal of a broken pipe: on macOS an option of
 * the socket suppresses it. */
#if defined(__APPLE__)
#define EN_SEND_FLAGS MSG_DONTWAIT
#else
#define EN_SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#endif

/* The largest number of wake bytes of one look at a link. */
#define EN_DRAINED_BYTES 65536

/* ---- link.c, which the systems share ---- */

struct msghdr;
/* Stores the first descriptor of a message in *first, or -1. Another thread closes the others. Returns their
 * number. */
size_t en_keep_first(struct msghdr *message, int *first);

/* ---- sockets.c ---- */

/* Opens a stream socket; -1 and errno if the system has none. */
int en_socket_open(void);
/* Accepts the next client; -1 and errno if none waits. */
int en_socket_accept(int listening);
/* Reads the user at the other end. False and errno: the system has forgotten it, because it has gone. */
bool en_socket_user(int socket, uid_t *user);

/* ---- memory.c ---- */

/* Makes a memory object of `size` zero bytes that has no name and never changes its size; -1 and errno. */
int en_memory_make(uint32_t size);
/* Returns whether a descriptor is such an object. Asking and closing it never wait for another process. */
bool en_is_memory(int descriptor);
/* Checks that a descriptor is such an object and can't change its size any more, because a peer that could
 * shrink it could end this process by a signal. *actual is its size: `size` if it was made for so many bytes.
 */
bool en_memory_check(int descriptor, uint32_t size, uint64_t *actual);

/* ---- events.c: a queue of descriptors that can be read, with a wake and a timer ---- */

typedef struct {
  int queue; /* readable while a descriptor, the wake or the timer is */
  int wake, timer;
} en_events;

/* Opens the queue. The timer makes it readable every `period_ms`. False and errno; en_events_close() is due
 * in both cases. */
bool en_events_open(en_events *events, int period_ms);
bool en_events_watch(en_events *events, int descriptor);
void en_events_unwatch(en_events *events, int descriptor);
/* Sets whether a watched descriptor does not count. */
void en_events_mute(en_events *events, int descriptor, bool mute);
/* Makes the queue readable. Every thread may call it. */
void en_events_wake(en_events *events);
/* Takes the wake and the timer back. */
void en_events_clear(en_events *events);
void en_events_close(en_events *events);

/* ---- system.c ---- */

/* Keeps the code of this library in memory: a thread of it may run after the program has unloaded it. */
void en_stay_loaded(void);

#endif
