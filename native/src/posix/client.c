/* The client's search for a server, and its connection to the server's socket. Section 1 of the protocol. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../discovery.h"
#include "../error.h"
#include "calls.h"
#include "names.h"

static en_status check_region(const en_place *place, int fd, en_discovery *server) {
  struct stat found;
  uint8_t bytes[EN_MESSAGE_BYTES];
  if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode) || found.st_uid != geteuid() ||
      (found.st_mode & 022) != 0) {
    return en_fail(EN_SHARED_MEMORY_PERMISSION, "%s must be a file of user %u that nobody else may write to.",
                   place->region, (unsigned)geteuid());
  }
  if (found.st_size != EN_MESSAGE_BYTES || read(fd, bytes, sizeof bytes) != EN_MESSAGE_BYTES)
    return en_discovery_wrong(place);
  return en_discovery_read(place, bytes, server);
}

/* Reads the region, and checks if a living server holds the file's lock. */
static en_status find_server(const en_place *place, en_discovery *server, bool *alive) {
  int directory;
  en_status status = en_place_open(place, false, &directory);
  if (status) return status;
  (void)close(directory);
  int fd = open(place->region, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    status = errno == ENOENT                      ? EN_TRANSPORT_UNAVAILABLE
             : errno == EMFILE || errno == ENFILE ? EN_RESOURCE_LIMIT_EXCEEDED
                                                  : EN_SHARED_MEMORY_PERMISSION;
    return en_fail(status, "There is no server '%.100s': %s: %s.", place->name, place->region,
                   strerror(errno));
  }
  status = check_region(place, fd, server);
  /* A server's exclusive lock makes a shared one fail. */
  *alive = !status && flock(fd, LOCK_SH | LOCK_NB) != 0;
  (void)close(fd);
  return status;
}

en_status en_link_look(const en_place *place, uint8_t nonce[16], bool *is_shared) {
  en_discovery server;
  bool alive;
  en_status status = find_server(place, &server, &alive);
  if (status) return status;
  memcpy(nonce, server.nonce, sizeof server.nonce);
  *is_shared = server.is_shared;
  return EN_OK;
}

/* Reports why a connected socket is not one to the server of this user. */
static en_status stranger(const en_place *place, int fd, bool alive) {
  uid_t user;
  bool known = en_socket_user(fd, &user);
  if (known && user == geteuid()) return EN_OK;
  en_link_close(fd);
  if (known) return en_fail(EN_SHARED_MEMORY_PERMISSION, "Another user listens at %s.", place->socket);
  if (alive) return EN_WOULD_BLOCK; /* the server makes its socket again */
  return en_fail(EN_TRANSPORT_UNAVAILABLE, "The server '%.100s' has gone.", place->name);
}

en_status en_link_connect(const en_place *place, uint8_t nonce[16], int *link) {
  struct sockaddr_un address;
  en_discovery server;
  bool alive = false;
  en_address_of(place, &address);
  en_status status = find_server(place, &server, &alive);
  if (status) return status;
  memcpy(nonce, server.nonce, sizeof server.nonce);
  int fd = en_socket_open();
  if (fd < 0) return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no socket: %s.", strerror(errno));
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
    status = stranger(place, fd, alive);
    if (!status) *link = fd;
    return status;
  }
  int why = errno;
  (void)close(fd);
  bool about_to_listen = (why == ENOENT || why == ECONNREFUSED) && alive;
  if (why == EAGAIN || why == EINTR || about_to_listen) return EN_WOULD_BLOCK;
  return en_fail(why == EACCES ? EN_SHARED_MEMORY_PERMISSION : EN_TRANSPORT_UNAVAILABLE,
                 "Nobody listens at %s for the endpoint '%.100s': %s.", place->socket, place->name,
                 strerror(why));
}

bool en_link_server_lives(const en_place *place, const uint8_t nonce[16]) {
  struct sockaddr_un address;
  en_discovery server;
  bool holds_lock = false;
  if (!find_server(place, &server, &holds_lock) && memcmp(server.nonce, nonce, 16) != 0) return false;
  en_address_of(place, &address);
  int fd = en_socket_open();
  if (fd < 0) return true;
  bool lives = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
               (errno != ECONNREFUSED && errno != ENOENT);
  en_link_close(fd);
  /* A server that is dying may still hold its lock. It counts as alive then. */
  return lives || (EN_FULL_QUEUE_REFUSES && holds_lock);
}
