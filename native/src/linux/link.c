/* The socket between two sides. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../platform.h"

void en_link_wake(int link) { (void)send(link, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL); }

en_link_state en_link_drain(int link) {
  char wakes[256];
  struct iovec part = {wakes, sizeof wakes};
  for (;;) {
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t got = recvmsg(link, &message, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got > 0 && (message.msg_flags & MSG_CTRUNC)) return EN_LINK_ABUSED;
    if (got == (ssize_t)sizeof wakes) continue;
    if (got > 0) return EN_LINK_OPEN;
    /* Linux reports ECONNRESET where the other side closed with wakes unread. */
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? EN_LINK_OPEN : EN_LINK_ENDED;
  }
}

bool en_link_readable(int link, int ms) {
  struct pollfd look = {link, POLLIN, 0};
  return poll(&look, 1, ms) > 0;
}

void en_link_end(int link) { (void)shutdown(link, SHUT_RDWR); }

void en_link_close(int link) { (void)close(link); }

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

/* Keeps the first descriptor, closes the others. */
static void take_descriptors(struct msghdr *message, int *region) {
  for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int passed;
      memcpy(&passed, CMSG_DATA(item) + i * sizeof(int), sizeof(int));
      if (region && *region < 0)
        *region = passed;
      else
        (void)close(passed);
    }
  }
}

int en_link_take(int link, uint8_t *bytes, size_t length, int *region) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
  struct iovec part = {bytes, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (region) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  /* Without room for them, the kernel closes the descriptors that come along. */
  ssize_t got = recvmsg(link, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  if (region) {
    take_descriptors(&message, region);
    if (message.msg_flags & MSG_CTRUNC) return -2;
  }
  return got == 0 ? -1 : (int)got;
}
