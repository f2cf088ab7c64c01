/* The sockets of Linux: how they are made, and who is at the other end. */
#define _GNU_SOURCE
#include <sys/socket.h>

#include "../posix/calls.h"

int en_socket_open(void) { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

int en_socket_accept(int listening) { return accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

static bool read_peer(int socket, struct ucred *peer) {
  socklen_t size = sizeof *peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, peer, &size) == 0;
}

bool en_socket_user(int socket, uid_t *user) {
  struct ucred peer;
  if (!read_peer(socket, &peer)) return false;
  *user = peer.uid;
  return true;
}

uint32_t en_link_process(int link) {
  struct ucred peer;
  return read_peer(link, &peer) && peer.pid > 0 ? (uint32_t)peer.pid : 0;
}
