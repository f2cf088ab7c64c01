/* Reading from the socket between two sides, and the descriptors that come with the bytes, on macOS. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../posix/calls.h"

/* More descriptors than the system lets a process pass at once. */
#define MOST_PASSED 512
#define CONTROL_BYTES CMSG_SPACE(MOST_PASSED * sizeof(int))

/* Takes up to `length` bytes and all descriptors with them, because peeking at descriptors is not reliable
 * here. With room for all of them none is lost. *passed is their number, and *first the one that is not
 * closed yet. */
static int take(int link, void *bytes, size_t length, size_t *passed, int *first) {
  _Alignas(struct cmsghdr) char control[CONTROL_BYTES];
  struct iovec part = {bytes, length};
  struct msghdr message;
  ssize_t got;
  *passed = 0;
  do {
    message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
    message.msg_controllen = sizeof control;
    got = recvmsg(link, &message, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return EN_TAKE_NOTHING;
  /* This process has no free numbers for the descriptors. The system fails instead of dropping them. */
  if (got < 0 && errno == EMSGSIZE) return EN_TAKE_NO_DESCRIPTOR;
  if (got <= 0) return EN_TAKE_ENDED;
  *passed = en_keep_first(&message, first);
  return (int)got;
}

en_link_state en_link_drain(int link) {
  char wakes[4096];
  for (size_t total = 0; total < EN_DRAINED_BYTES;) { /* a peer that goes on holds nobody up */
    size_t passed;
    int first;
    int got = take(link, wakes, sizeof wakes, &passed, &first);
    if (got == EN_TAKE_NOTHING) return EN_LINK_OPEN;
    if (got == EN_TAKE_NO_DESCRIPTOR) return EN_LINK_ABUSED;
    if (got < 0) return EN_LINK_ENDED;
    if (passed > 0) {
      en_close_elsewhere(first);
      return EN_LINK_ABUSED;
    }
    total += (size_t)got;
  }
  return EN_LINK_OPEN;
}

int en_link_take(int link, uint8_t *bytes, size_t length, int *region) {
  size_t passed;
  int first;
  int got = take(link, bytes, length, &passed, &first);
  if (got == EN_TAKE_NO_DESCRIPTOR && !region) return EN_TAKE_ABUSED;
  if (passed == 0) return got;
  bool several = region && (passed > 1 || *region >= 0);
  if (!region || several || !en_is_memory(first)) {
    en_close_elsewhere(first);
    return several ? EN_TAKE_SEVERAL : EN_TAKE_ABUSED;
  }
  (void)fcntl(first, F_SETFD, FD_CLOEXEC);
  *region = first;
  return got;
}
