/* Closes descriptors that a peer passed. Such a close may block as long as the peer wants (a socket that
 * lingers, a file of a user's file system), so a separate thread does it. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "names.h"

typedef struct waiting {
  struct waiting *next;
  int descriptor;
} waiting;

/* The mutex protects all of these. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static waiting *first, **last = &first;
static bool has_thread, knows_forks;
static unsigned count; /* those that wait, and the one that is being closed */

static void before_fork(void) { (void)pthread_mutex_lock(&mutex); }

static void after_fork(void) { (void)pthread_mutex_unlock(&mutex); }

/* The thread has stayed in the other process, and with it the number of what it closes. The descriptors that
 * wait are in both. */
static void after_fork_in_child(void) {
  has_thread = false;
  count = 0;
  for (const waiting *item = first; item; item = item->next) count++;
  (void)pthread_mutex_unlock(&mutex);
}

/* Runs as long as there are descriptors to close. */
static void *close_all(void *unused) {
  (void)unused;
  (void)pthread_mutex_lock(&mutex);
  while (first) {
    waiting *item = first;
    first = item->next;
    if (!first) last = &first;
    (void)pthread_mutex_unlock(&mutex);
    (void)close(item->descriptor);
    free(item);
    (void)pthread_mutex_lock(&mutex);
    count--;
  }
  has_thread = false;
  (void)pthread_mutex_unlock(&mutex);
  return NULL;
}

/* Starts the thread if descriptors wait and there is none. Called with the mutex held. If the system gives no
 * thread, the next call tries again. The program's own threads take its signals. */
static void start_thread(void) {
  if (!first || has_thread) return;
  pthread_t thread;
  sigset_t all, before;
  en_stay_loaded();
  if (!knows_forks) knows_forks = pthread_atfork(before_fork, after_fork, after_fork_in_child) == 0;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  has_thread = pthread_create(&thread, NULL, close_all, NULL) == 0;
  if (has_thread) (void)pthread_detach(thread);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void en_close_elsewhere(int descriptor) {
  waiting *item = malloc(sizeof *item);
  if (!item) { /* without memory, closing late is better than never */
    (void)close(descriptor);
    return;
  }
  *item = (waiting){NULL, descriptor};
  (void)pthread_mutex_lock(&mutex);
  *last = item;
  last = &item->next;
  count++;
  start_thread();
  (void)pthread_mutex_unlock(&mutex);
}

unsigned en_waiting_to_close(void) {
  (void)pthread_mutex_lock(&mutex);
  /* A server that admits no more clients asks for this number, and may make no other call here. */
  start_thread();
  unsigned waits = count;
  (void)pthread_mutex_unlock(&mutex);
  return waits;
}

/* Descriptors that were not taken are closed with their socket. The peer sees the end at once. */
void en_link_close(int link) {
  char byte;
  (void)shutdown(link, SHUT_RDWR); /* nothing can be sent into it any more */
  if (recv(link, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
    en_close_elsewhere(link);
  else
    (void)close(link);
}

void en_listening_close(int socket) {
  (void)shutdown(socket, SHUT_RDWR);
  for (;;) { /* those that nobody accepted would be closed with it */
    int link = en_socket_accept(socket);
    if (link >= 0)
      en_link_close(link);
    else if (errno != EINTR && errno != ECONNABORTED)
      break;
  }
  bool is_empty = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINVAL;
  if (is_empty)
    (void)close(socket);
  else /* the system gave no descriptor, so some are left */
    en_close_elsewhere(socket);
}
