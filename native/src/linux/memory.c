/* The memory of a region on Linux: an anonymous memory file, sealed so that no side can shrink it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../posix/calls.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int en_memory_make(uint32_t size) {
  int fd = memfd_create("entropynet", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  if (ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0) return fd;
  int why = errno;
  (void)close(fd);
  errno = why;
  return -1;
}

/* Only memory files have seals. */
bool en_is_memory(int descriptor) { return fcntl(descriptor, F_GET_SEALS) >= 0; }

bool en_memory_check(int descriptor, uint32_t size, uint64_t *actual) {
  struct stat found;
  struct statfs kind;
  (void)size;
  int seals = fcntl(descriptor, F_GET_SEALS); /* first, because the others can block where there are none */
  if (seals < 0 || (seals & SEALS) != SEALS || fstat(descriptor, &found) != 0 ||
      fstatfs(descriptor, &kind) != 0 || !S_ISREG(found.st_mode) || kind.f_type != TMPFS_MAGIC) {
    return false;
  }
  *actual = (uint64_t)found.st_size;
  return true;
}
