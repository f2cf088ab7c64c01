/* Taking, renewing and giving back names. Section 1 of the protocol, "Taking and releasing a name". */
#define _GNU_SOURCE
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../discovery.h"
#include "../error.h"
#include "calls.h"

#define BACKLOG 128
#define RETRY_MS 2

void en_names_clear(en_names *names) {
  memset(names, 0, sizeof *names);
  names->socket = names->region = -1;
}

static en_status lock_directory(const en_place *place, int64_t deadline, int *directory) {
  for (;;) {
    en_status status = en_place_open(place, true, directory);
    if (status) return status;
    struct stat locked, named;
    if (flock(*directory, LOCK_EX | LOCK_NB) == 0) {
      /* Another process may have replaced the directory between the two calls. */
      if (fstat(*directory, &locked) == 0 && lstat(place->directory, &named) == 0 &&
          locked.st_ino == named.st_ino && locked.st_dev == named.st_dev) {
        return EN_OK;
      }
    } else if (errno != EWOULDBLOCK && errno != EINTR) {
      status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The directory %s can't be locked: %s.", place->directory,
                       strerror(errno));
    }
    (void)close(*directory);
    if (status) return status;
    if (en_left_ms(deadline) == 0) {
      return en_fail(EN_TIMEOUT, "Another server holds the lock of the directory %s.", place->directory);
    }
    en_pause_ms(RETRY_MS);
  }
}

void en_address_of(const en_place *place, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, place->socket, strlen(place->socket)); /* en_place_find() checked the length */
}

static en_status in_use(const en_place *place) {
  return en_fail(EN_ADDRESS_IN_USE, "A living server has the endpoint '%.100s' in %s.", place->name,
                 place->directory);
}

static en_status unknown(const en_place *place, const char *path) {
  return en_fail(errno == EACCES ? EN_SHARED_MEMORY_PERMISSION : EN_RESOURCE_LIMIT_EXCEEDED,
                 "The system does not say whether a server has the endpoint '%.100s': %s: %s.", place->name,
                 path, strerror(errno));
}

/* Steps 1 and 2. EN_OK proves that no server lives. */
static en_status ask(const en_place *place) {
  struct sockaddr_un address;
  uid_t user;
  en_address_of(place, &address);
  int fd = en_socket_open();
  if (fd < 0) return unknown(place, place->socket);
  bool connected =
      connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 && en_socket_user(fd, &user);
  int why = errno;
  (void)close(fd);
  if (connected || why == EAGAIN) return in_use(place);
  errno = why;
  /* ENOTCONN: the other end has gone meanwhile, and macOS has forgotten it. */
  if (why != ENOENT && why != ECONNREFUSED && why != ENOTCONN) return unknown(place, place->socket);
  fd = open(place->region, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno == ENOENT || errno == ELOOP ? EN_OK : unknown(place, place->region);
  bool free_of_locks = flock(fd, LOCK_SH | LOCK_NB) == 0;
  why = errno;
  (void)close(fd);
  errno = why;
  if (free_of_locks) return EN_OK;
  return why == EWOULDBLOCK ? in_use(place) : unknown(place, place->region);
}

/* Asks in each slot, because this server shares its name with none. Removes the files of dead servers from
 * the other slots, so that no client asks there; a file that stays costs such a client one call. */
static en_status ask_all(const en_place *place) {
  en_place other;
  en_status status = ask(place);
  for (uint32_t slot = 1; !status && slot < EN_SLOTS; slot++) {
    if (!en_place_slot(place, slot, &other)) continue;
    status = ask(&other);
    if (status == EN_ADDRESS_IN_USE) {
      return en_fail(status, "A living server shares the endpoint '%.100s' with others: %s.", place->name,
                     other.socket);
    }
    if (status) return status;
    (void)unlink(other.region);
    (void)unlink(other.socket);
  }
  return status;
}

static bool file_of(const char *path, en_file *file) {
  struct stat found;
  if (lstat(path, &found) != 0) return false;
  *file = (en_file){found.st_dev, found.st_ino};
  return true;
}

static bool stands_for(const char *path, const en_file *file) {
  en_file found;
  return file_of(path, &found) && found.device == file->device && found.inode == file->inode;
}

static en_status cannot_make(const char *path) {
  en_status status =
      errno == EACCES || errno == EPERM ? EN_SHARED_MEMORY_PERMISSION : EN_RESOURCE_LIMIT_EXCEEDED;
  return en_fail(status, "%s can't be made: %s.", path, strerror(errno));
}

/* Step 3. */
static en_status make_socket(en_names *names, const en_place *place) {
  struct sockaddr_un address;
  en_file made;
  en_address_of(place, &address);
  if (unlink(place->socket) != 0 && errno != ENOENT) return cannot_make(place->socket);
  int fd = en_socket_open();
  if (fd < 0) return cannot_make(place->socket);
  bool has_name = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
  if (!has_name || chmod(place->socket, 0600) != 0 || !file_of(place->socket, &made) ||
      listen(fd, BACKLOG) != 0) {
    en_status status = cannot_make(place->socket);
    /* A name without a listening socket would look like one that is there. */
    if (has_name) (void)unlink(place->socket);
    (void)close(fd);
    return status;
  }
  names->socket = fd;
  names->socket_file = made;
  return EN_OK;
}

/* Step 4. The file is whole and locked when it gets its name. */
static en_status make_region(en_names *names, const en_place *place) {
  uint8_t bytes[EN_MESSAGE_BYTES];
  struct stat made;
  en_discovery_write(bytes, names->nonce, names->max_connections, names->library);
  if (unlink(place->fresh) != 0 && errno != ENOENT) return cannot_make(place->fresh);
  int fd = open(place->fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return cannot_make(place->fresh);
  if (fchmod(fd, 0600) != 0 || write(fd, bytes, sizeof bytes) != EN_MESSAGE_BYTES ||
      flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &made) != 0 ||
      rename(place->fresh, place->region) != 0) {
    en_status status = cannot_make(place->region);
    (void)unlink(place->fresh);
    (void)close(fd);
    return status;
  }
  names->region = fd;
  names->region_file = (en_file){made.st_dev, made.st_ino};
  return EN_OK;
}

en_status en_names_take(en_names *names, const en_place *place, int64_t deadline) {
  int directory;
  en_status status = lock_directory(place, deadline, &directory);
  if (status) return status;
  status = ask_all(place);
  if (!status) status = make_socket(names, place);
  if (!status) {
    status = make_region(names, place);
    if (status) {
      (void)unlink(place->socket);
      en_listening_close(names->socket);
      names->socket = -1;
    }
  }
  (void)close(directory);
  return status;
}

en_status en_names_renew(en_names *names, const en_place *place) {
  bool has_region = names->region >= 0 && stands_for(place->region, &names->region_file);
  bool has_socket = stands_for(place->socket, &names->socket_file);
  if (has_region && has_socket) return EN_OK;
  int directory;
  en_status status = lock_directory(place, en_now_ms(), &directory); /* the next second asks again */
  if (status) return EN_OK;
  has_region = stands_for(place->region, &names->region_file);
  has_socket = stands_for(place->socket, &names->socket_file);
  /* If both names have gone, another server may have taken them. */
  if (!has_region && !has_socket) status = ask_all(place);
  int old_region = names->region, old_socket = names->socket;
  if (!status && !has_region) {
    status = make_region(names, place);
    /* The new life lock is already held. */
    if (!status) (void)close(old_region);
  }
  if (!status && !has_socket) {
    status = make_socket(names, place);
    if (status) names->socket = old_socket;
  }
  (void)close(directory);
  return status == EN_ADDRESS_IN_USE ? status : EN_OK;
}

void en_names_give_back(en_names *names, const en_place *place) {
  int directory = -1;
  en_kept_error kept;
  en_keep_error(&kept); /* giving back does not fail */
  bool locked = names->region >= 0 && lock_directory(place, en_deadline(1000), &directory) == EN_OK;
  /* This is correct without the directory's lock, too: no other process replaces names while this side
   * holds the life lock. */
  if (names->socket >= 0 && stands_for(place->socket, &names->socket_file)) (void)unlink(place->socket);
  if (names->region >= 0 && stands_for(place->region, &names->region_file)) (void)unlink(place->region);
  if (names->socket >= 0) en_listening_close(names->socket);
  if (names->region >= 0) (void)close(names->region);
  if (locked) (void)close(directory);
  en_restore_error(&kept);
  en_names_clear(names);
}
