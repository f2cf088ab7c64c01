/* The socket between two sides. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "calls.h"

int en_link_descriptor(int link) { return link; }

void en_link_wake(int link) { (void)send(link, "", 1, EN_SEND_FLAGS); }

bool en_link_readable(int link, int ms) {
  struct pollfd look = {link, POLLIN, 0};
  return poll(&look, 1, ms) > 0;
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
  do sent = sendmsg(link, &message, EN_SEND_FLAGS);
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)length; /* the messages of a handshake fit an empty socket */
}

size_t en_keep_first(struct msghdr *message, int *first) {
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
