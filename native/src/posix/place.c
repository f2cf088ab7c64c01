/* Computes the names in the discovery directory from an endpoint. Section 1 of the protocol. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../error.h"
#include "names.h"

/* What is left of a socket's path for the directory: a slash, 24 digits and ".socket" need 32 bytes. */
#define DIRECTORY_BYTES ((int)sizeof((struct sockaddr_un *)0)->sun_path - 1 - 32)

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

static const char *temporary(void) {
  const char *names[] = {"TMPDIR", "TMP", "TEMP"};
  for (int i = 0; i < 3; i++) {
    if (variable(names[i])) return variable(names[i]);
  }
  return "/tmp";
}

/* Writes the directory as an absolute path, because the working directory can change. Returns its length,
 * also if that is too long; 0 if the path is relative and the system does not give the working directory. */
static size_t find_directory(const char *given, char *out, size_t room) {
  char here[4096] = "";
  const char *base = given, *last = "";
  char user[40] = "";
  if (!given && variable("XDG_RUNTIME_DIR")) {
    base = variable("XDG_RUNTIME_DIR");
    last = "/entropynet";
  } else if (!given) {
    base = temporary();
    (void)snprintf(user, sizeof user, "/entropynet-%u", (unsigned)geteuid());
    last = user;
  }
  size_t length = strlen(base);
  while (length > 1 && base[length - 1] == '/') length--;
  if (length == 1 && base[0] == '/' && *last) length = 0;
  bool relative = base[0] != '/';
  if (relative && !getcwd(here, sizeof here)) return 0;
  int written = snprintf(out, room, "%s%s%.*s%s", here, relative ? "/" : "", (int)length, base, last);
  return written < 0 ? room : (size_t)written;
}

/* Writes the paths of a slot. False: the path of the socket is too long. */
static bool name_files(en_place *place, uint32_t slot) {
  char stem[EN_HASH_BYTES + 12];
  char suffix[12] = "";
  if (slot) (void)snprintf(suffix, sizeof suffix, ".%u", (unsigned)slot);
  (void)snprintf(stem, sizeof stem, "%s%.11s", place->hash, suffix);
  (void)snprintf(place->region, sizeof place->region, "%.75s/%.27s.region", place->directory, stem);
  (void)snprintf(place->fresh, sizeof place->fresh, "%.75s/%.27s.region.new", place->directory, stem);
  int length = snprintf(place->socket, sizeof place->socket, "%.75s/%.27s.socket", place->directory, stem);
  return length < (int)sizeof((struct sockaddr_un *)0)->sun_path;
}

bool en_place_slot(const en_place *first, uint32_t slot, en_place *place) {
  struct stat found;
  *place = *first;
  return name_files(place, slot) && (lstat(place->region, &found) == 0 || lstat(place->socket, &found) == 0);
}

en_status en_place_find(const char *endpoint, const char *directory, en_place *place) {
  const char *name;
  en_status status = en_endpoint_name(endpoint, &name, place->hash);
  if (status) return status;
  size_t length = find_directory(directory, place->directory, sizeof place->directory);
  if (length == 0) {
    return en_fail(
        EN_INVALID_PARAMETER,
        "The discovery directory '%.200s' is relative, and the working directory can't be read: %s.",
        directory ? directory : "of the environment", strerror(errno));
  }
  if (length > (size_t)DIRECTORY_BYTES) {
    return en_fail(
        EN_INVALID_PARAMETER,
        "The discovery directory '%.200s' has %zu bytes as an absolute path. The path of a socket allows %d.",
        directory ? directory : place->directory, length, DIRECTORY_BYTES);
  }
  (void)snprintf(place->name, sizeof place->name, "%.250s", name); /* for sentences */
  (void)name_files(place, 0);                                      /* the directory is short enough */
  return EN_OK;
}

/* Makes a directory and those above it. The umask must not remove the owner's rights. */
static bool make(const char *path) {
  char part[108];
  size_t length = strlen(path);
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (mkdir(part, 0700) == 0) {
      if (chmod(part, 0700) != 0) return false;
    } else if (errno != EEXIST) {
      struct stat found;
      int error = errno; /* EROFS or EACCES where it is there already */
      if (stat(part, &found) != 0 || !S_ISDIR(found.st_mode)) {
        errno = error;
        return false;
      }
    }
  }
  return true;
}

en_status en_place_open(const en_place *place, bool make_it, int *directory) {
  int fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT && make_it) {
    if (!make(place->directory)) {
      return en_fail(EN_SHARED_MEMORY_PERMISSION, "The discovery directory %s can't be made: %s.",
                     place->directory, strerror(errno));
    }
    fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }
  if (fd < 0) {
    en_status status = errno == ENOENT                      ? EN_TRANSPORT_UNAVAILABLE
                       : errno == EMFILE || errno == ENFILE ? EN_RESOURCE_LIMIT_EXCEEDED
                                                            : EN_SHARED_MEMORY_PERMISSION;
    return en_fail(status, "The discovery directory %s can't be opened: %s.", place->directory,
                   strerror(errno));
  }
  struct stat found;
  if (fstat(fd, &found) != 0 || found.st_uid != geteuid() || (found.st_mode & 022) != 0) {
    (void)close(fd);
    return en_fail(EN_SHARED_MEMORY_PERMISSION,
                   "The discovery directory %s must belong to user %u, and nobody else may write to it.",
                   place->directory, (unsigned)geteuid());
  }
  *directory = fd;
  return EN_OK;
}
