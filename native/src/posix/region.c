/* The region that both sides map. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../error.h"
#include "calls.h"

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
  int fd = en_memory_make(size);
  void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
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
  uint64_t actual;
  if (region < 0) return en_fail(EN_HANDSHAKE_FAILED, "The server passed no region.");
  if (!en_memory_check(region, size, &actual)) {
    return en_fail(EN_SHARED_MEMORY_PERMISSION,
                   "The server passed something else than memory whose size can't change.");
  }
  if (actual != size) {
    return en_fail(EN_SHARED_MEMORY_SIZE_MISMATCH,
                   "The server passed a region of %llu bytes and announced %u.", (unsigned long long)actual,
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
