/* The memory of a region on macOS: an object of shm_open() that has lost its name. It takes its size once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../posix/calls.h"

#define NAME_ATTEMPTS 16

/* Opens a new object under a name that exists for two calls and that no other process learns. */
static int open_nameless(void) {
  for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
    char name[32]; /* the system allows 31 characters */
    (void)snprintf(name, sizeof name, "/en-%08x%08x", arc4random(), arc4random());
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == EEXIST) continue;
    if (fd >= 0) (void)shm_unlink(name);
    return fd;
  }
  return -1;
}

int en_memory_make(uint32_t size) {
  int fd = open_nameless();
  if (fd < 0) return -1;
  int resized;
  do resized = ftruncate(fd, (off_t)size);
  while (resized != 0 && errno == EINTR);
  if (resized == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) return fd;
  int why = errno;
  (void)close(fd);
  errno = why;
  return -1;
}

/* The mode of such an object has no file type. A regular file has one, and could shrink. */
bool en_is_memory(int descriptor) {
  struct stat found;
  return fstat(descriptor, &found) == 0 && (found.st_mode & S_IFMT) == 0;
}

bool en_memory_check(int descriptor, uint32_t size, uint64_t *actual) {
  /* The system reports the size in whole pages. A program for one kind of Mac that runs on the other sees
   * pages of its own kind, and its peer may be a program of either kind. */
  static const uint64_t pages[] = {4096, 16384};
  struct stat found;
  if (fstat(descriptor, &found) != 0 || (found.st_mode & S_IFMT) != 0) return false;
  *actual = (uint64_t)found.st_size;
  for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
    if (*actual == (size + pages[i] - 1) / pages[i] * pages[i]) {
      *actual = size;
      break;
    }
  }
  return true;
}
