/* The sockets of macOS: how they are made, and who is at the other end. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../posix/calls.h"

/* macOS has no flags that set these while a socket is made. A program that another thread starts between the
 * two calls inherits the socket. */
static bool prepare(int socket) {
  const int on = 1;
  int flags = fcntl(socket, F_GETFL);
  return fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 && flags >= 0 &&
         fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0 &&
         setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0;
}

static int prepared(int made) {
  if (made < 0 || prepare(made)) return made;
  int why = errno;
  (void)close(made);
  errno = why;
  return -1;
}

int en_socket_open(void) { return prepared(socket(AF_UNIX, SOCK_STREAM, 0)); }

int en_socket_accept(int listening) {
  int accepted = accept(listening, NULL, NULL);
  if (accepted < 0) return -1;
  accepted = prepared(accepted);
  /* EINVAL: this client has gone already. Another may wait behind it. */
  if (accepted < 0 && errno == EINVAL) errno = ECONNABORTED;
  return accepted;
}

bool en_socket_user(int socket, uid_t *user) {
  gid_t group;
  return getpeereid(socket, user, &group) == 0;
}

uint32_t en_link_process(int link) {
  pid_t process = 0;
  socklen_t size = sizeof process;
  if (getsockopt(link, SOL_LOCAL, LOCAL_PEERPID, &process, &size) != 0 || process <= 0) return 0;
  return (uint32_t)process;
}
