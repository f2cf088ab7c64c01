/* The region: an anonymous memory file, sealed so that no side can shrink it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../error.h"
#include "../platform.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Returns the name of an error for a refusal. Not every C library has a function for it. */
static const char *name_of(int error) {
  switch (error) {
    case ENOMEM:
      return "ENOMEM";
    case EMFILE:
      return "EMFILE";
    case ENFILE:
      return "ENFILE";
    case ENOSPC:
      return "ENOSPC";
    case EPERM:
      return "EPERM";
    case ENOSYS:
      return "ENOSYS";
    case EINVAL:
      return "EINVAL";
    default:
      return NULL;
  }
}

en_status en_region_make(uint32_t size, int *region, uint8_t **bytes, const char **why) {
  int fd = memfd_create("entropynet", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  void *mapped = MAP_FAILED;
  if (fd >= 0 && ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0) {
    mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (mapped == MAP_FAILED) {
    int error = errno;
    if (fd >= 0) (void)close(fd);
    *why = name_of(error);
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no region of %u bytes: %s.", size,
                   strerror(error));
  }
  *region = fd;
  *bytes = mapped;
  return EN_OK;
}

en_status en_region_map(int region, uint32_t size, uint8_t **bytes) {
  struct stat found;
  struct statfs kind;
  if (region < 0) return en_fail(EN_HANDSHAKE_FAILED, "The server passed no region.");
  int seals = fcntl(region, F_GET_SEALS); /* first, because asking for more can block where there are none */
  if (seals < 0 || (seals & SEALS) != SEALS || fstat(region, &found) != 0 || fstatfs(region, &kind) != 0 ||
      !S_ISREG(found.st_mode) || kind.f_type != TMPFS_MAGIC) {
    return en_fail(EN_SHARED_MEMORY_PERMISSION,
                   "The server passed something else than a sealed memory file.");
  }
  if (found.st_size != (off_t)size) {
    return en_fail(EN_SHARED_MEMORY_SIZE_MISMATCH,
                   "The server passed a region of %lld bytes and announced %u.", (long long)found.st_size,
                   size);
  }
  void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
  if (mapped == MAP_FAILED) {
    return en_fail(errno == ENOMEM ? EN_RESOURCE_LIMIT_EXCEEDED : EN_SHARED_MEMORY_NOT_AVAILABLE,
                   "The region of %u bytes can't be mapped: %s.", size, strerror(errno));
  }
  *bytes = mapped;
  return EN_OK;
}

void en_region_unmap(uint8_t *bytes, uint32_t size) { (void)munmap(bytes, size); }

void en_region_close(int region) { (void)close(region); }

uint32_t en_process(void) { return (uint32_t)getpid(); }
