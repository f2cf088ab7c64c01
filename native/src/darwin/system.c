/* Random bytes, the word for sleeping, and what macOS knows of this process. */
#include <dlfcn.h>
#include <errno.h>
#include <libproc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/proc_info.h>
#include <unistd.h>

#include "../posix/calls.h"

bool en_random(void *bytes, size_t length) {
  arc4random_buf(bytes, length);
  return true;
}

/* ---- the word for sleeping ---- */

/* Declared here, because the headers of macOS have the calls only from 14.4 on, or not at all (__ulock_*). */
#define SYNC_SHARED 1u             /* OS_SYNC_WAIT_ON_ADDRESS_SHARED, OS_SYNC_WAKE_BY_ADDRESS_SHARED */
#define MACH_ABSOLUTE_TIME 32u     /* OS_CLOCK_MACH_ABSOLUTE_TIME */
#define COMPARE_AND_WAIT_SHARED 3u /* UL_COMPARE_AND_WAIT_SHARED */
#define WAKE_ALL 0x100u            /* ULF_WAKE_ALL */

typedef int (*wait_call)(void *, uint64_t, size_t, uint32_t, uint32_t, uint64_t);
typedef int (*wake_call)(void *, size_t, uint32_t);
typedef int (*old_wait_call)(uint32_t, void *, uint64_t, uint32_t);
typedef int (*old_wake_call)(uint32_t, void *, uint64_t);

/* The calls of this version of the system. Both sides of a region use the same ones. */
static pthread_once_t found = PTHREAD_ONCE_INIT;
static wait_call new_wait;
static wake_call new_wake;
static old_wait_call old_wait; /* every system since macOS 10.12 has these two */
static old_wake_call old_wake;

static void find(void) {
  new_wait = (wait_call)dlsym(RTLD_DEFAULT, "os_sync_wait_on_address_with_timeout");
  new_wake = (wake_call)dlsym(RTLD_DEFAULT, "os_sync_wake_by_address_all");
  old_wait = (old_wait_call)dlsym(RTLD_DEFAULT, "__ulock_wait");
  old_wake = (old_wake_call)dlsym(RTLD_DEFAULT, "__ulock_wake");
}

/* Returns whether the newer calls are there. */
static bool has_new(void) {
  (void)pthread_once(&found, find);
  return new_wait && new_wake;
}

void en_word_wait(const uint8_t *region, _Atomic uint32_t *word, uint32_t value, int ms) {
  (void)region;
  if (ms <= 0) return; /* a time of 0 would mean without end */
  if (has_new())
    (void)new_wait((void *)word, value, sizeof *word, SYNC_SHARED, MACH_ABSOLUTE_TIME,
                   (uint64_t)ms * 1000000);
  else if (old_wait)
    (void)old_wait(COMPARE_AND_WAIT_SHARED, (void *)word, value, (uint32_t)ms * 1000);
}

void en_word_wake(const uint8_t *region, _Atomic uint32_t *word) {
  (void)region;
  int result;
  do {
    if (has_new())
      result = new_wake((void *)word, sizeof *word, SYNC_SHARED);
    else
      result = old_wake ? old_wake(COMPARE_AND_WAIT_SHARED | WAKE_ALL, (void *)word, 0) : 0;
  } while (result < 0 && errno == EINTR); /* a wake that a signal interrupted has woken no thread */
}

/* ---- this process ---- */

uint64_t en_start_time(void) {
  struct proc_bsdinfo info;
  if (proc_pidinfo(getpid(), PROC_PIDTBSDINFO, 0, &info, sizeof info) < (int)sizeof info) return 0;
  return info.pbi_start_tvsec * 1000000 + info.pbi_start_tvusec;
}

void en_stay_loaded(void) {
  Dl_info info;
  if (dladdr((void *)&en_stay_loaded, &info) == 0) return;
  (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
