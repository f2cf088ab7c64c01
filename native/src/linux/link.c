/* The socket between two sides. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../platform.h"

/* The largest number of wake bytes of one look. */
#define DRAINED_BYTES 65536

/* Room for one descriptor more than is allowed, so that several are noticed. */
#define CONTROL_BYTES CMSG_SPACE(2 * sizeof(int))

void en_link_wake(int link) { (void)send(link, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL); }

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
  for (size_t total = 0; total < DRAINED_BYTES;) { /* a peer that goes on holds nobody up */
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

bool en_link_readable(int link, int ms) {
  struct pollfd look = {link, POLLIN, 0};
  return poll(&look, 1, ms) > 0;
}

uint32_t en_link_process(int link) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(link, SOL_SOCKET, SO_PEERCRED, &peer, &length) || peer.pid <= 0) return 0;
  return (uint32_t)peer.pid;
}

void en_link_end(int link) { (void)shutdown(link, SHUT_RDWR); }

bool en_link_put(int link, const uint8_t *bytes, size_t length, int region) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  struct iovec part = {(void *)(uintptr_t)bytes, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (region >= 0) {
    memset(control, 0, sizeof control);
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(item), &region, sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(link, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)length; /* the messages of a handshake fit an empty socket */
}

/* Stores the first descriptor of a message in *first. Another thread closes the others. Returns their
 * number. */
static size_t keep_first(struct msghdr *message, int *first) {
  size_t count = 0;
  *first = -1;
  for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    size_t passed = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < passed; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(item) + i * sizeof(int), sizeof(int));
      if (*first < 0)
        *first = descriptor;
      else
        en_close_elsewhere(descriptor);
    }
    count += passed;
  }
  return count;
}

/* Only memory files have seals. Asking for them, and closing such a file, can't block. */
static bool is_memory(int descriptor) { return fcntl(descriptor, F_GET_SEALS) >= 0; }

int en_link_take(int link, uint8_t *bytes, size_t length, int *region) {
  _Alignas(struct cmsghdr) char control[CONTROL_BYTES];
  struct iovec part;
  struct msghdr message;
  int seen = -1, taken = -1;
  void *room = region ? control : NULL;
  ssize_t got = receive(link, bytes, length, MSG_PEEK, room, &message, &part);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return EN_TAKE_NOTHING;
  if (got <= 0) return EN_TAKE_ENDED;
  size_t count = keep_first(&message, &seen);
  bool cut = (message.msg_flags & MSG_CTRUNC) != 0;
  if (count == 0 && cut) return region ? EN_TAKE_NO_DESCRIPTOR : EN_TAKE_ABUSED;
  if (count > 0 && (count > 1 || cut || *region >= 0 || !is_memory(seen))) {
    en_close_elsewhere(seen);
    return EN_TAKE_ABUSED;
  }
  /* Takes the same bytes. Peeking also shows the descriptor of the next message. Only taking shows if it
   * came with these bytes: it returns the descriptor again, or reports that there is no free number for
   * it. */
  ssize_t again = receive(link, bytes, (size_t)got, 0, count ? control : NULL, &message, &part);
  bool with_these = again >= 0 && (keep_first(&message, &taken) > 0 || (message.msg_flags & MSG_CTRUNC));
  if (taken >= 0) (void)close(taken); /* the same memory */
  if (with_these)
    *region = seen;
  else if (seen >= 0)
    (void)close(seen);
  return again < 0 ? EN_TAKE_ENDED : (int)again;
}
