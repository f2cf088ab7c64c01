/* Reading from the socket between two sides, and the descriptors that come with the bytes, on Linux. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../posix/calls.h"

/* Room for one descriptor more than is allowed, so that several are noticed. */
#define CONTROL_BYTES CMSG_SPACE(2 * sizeof(int))

/* Calls recvmsg() without waiting. `control` is NULL, or has room for two descriptors. */
static ssize_t receive(int link, void *bytes, size_t length, int flags, void *control, struct msghdr *message,
                       struct iovec *part) {
  ssize_t got;
  *part = (struct iovec){bytes, length};
  do {
    *message = (struct msghdr){.msg_iov = part, .msg_iovlen = 1, .msg_control = control};
    message->msg_controllen = control ? CONTROL_BYTES : 0;
    got = recvmsg(link, message, flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  return got;
}

/* Peeks before it takes. The kernel closes an unwanted descriptor on this thread when the thread takes it.
 * A descriptor that is only peeked at stays in the socket. */
en_link_state en_link_drain(int link) {
  char wakes[4096];
  struct iovec part;
  struct msghdr message;
  for (size_t total = 0; total < EN_DRAINED_BYTES;) { /* a peer that goes on holds nobody up */
    ssize_t got = receive(link, wakes, sizeof wakes, MSG_PEEK, NULL, &message, &part);
    if (got > 0 && (message.msg_flags & MSG_CTRUNC)) return EN_LINK_ABUSED;
    /* Linux reports ECONNRESET if the other side closed with unread wakes. */
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return EN_LINK_OPEN;
    if (got <= 0) return EN_LINK_ENDED;
    if (receive(link, wakes, (size_t)got, 0, NULL, &message, &part) < 0) return EN_LINK_ENDED;
    total += (size_t)got;
  }
  return EN_LINK_OPEN;
}

int en_link_take(int link, uint8_t *bytes, size_t length, int *region) {
  _Alignas(struct cmsghdr) char control[CONTROL_BYTES];
  struct iovec part;
  struct msghdr message;
  int seen = -1, taken = -1;
  void *room = region ? control : NULL;
  ssize_t got = receive(link, bytes, length, MSG_PEEK, room, &message, &part);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return EN_TAKE_NOTHING;
  if (got <= 0) return EN_TAKE_ENDED;
  size_t count = en_keep_first(&message, &seen);
  bool cut = (message.msg_flags & MSG_CTRUNC) != 0;
  if (count == 0 && cut) return region ? EN_TAKE_NO_DESCRIPTOR : EN_TAKE_ABUSED;
  bool several = count > 1 || cut || (count > 0 && *region >= 0);
  if (several || (count > 0 && !en_is_memory(seen))) {
    en_close_elsewhere(seen);
    return several ? EN_TAKE_SEVERAL : EN_TAKE_ABUSED;
  }
  /* Takes the same bytes. Peeking also shows the descriptor of the next message. Only taking shows if it
   * came with these bytes: it returns the descriptor again, or reports that there is no free number for
   * it. */
  ssize_t again = receive(link, bytes, (size_t)got, 0, count ? control : NULL, &message, &part);
  bool with_these = again >= 0 && (en_keep_first(&message, &taken) > 0 || (message.msg_flags & MSG_CTRUNC));
  if (taken >= 0) (void)close(taken); /* the same memory */
  if (with_these)
    *region = seen;
  else if (seen >= 0)
    (void)close(seen);
  return again < 0 ? EN_TAKE_ENDED : (int)again;
}
