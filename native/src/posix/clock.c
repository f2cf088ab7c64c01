/* Clocks. */
#define _GNU_SOURCE
#include <limits.h>
#include <time.h>

#include "calls.h"

static int64_t now_of(clockid_t clock, int64_t unit) {
  struct timespec now;
  (void)clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * (1000000000 / unit) + now.tv_nsec / unit;
}

int64_t en_now_ms(void) { return now_of(EN_CLOCK, 1000000); }
int64_t en_now_us(void) { return now_of(EN_CLOCK, 1000); }
uint64_t en_epoch_ms(void) { return (uint64_t)now_of(CLOCK_REALTIME, 1000000); }
int64_t en_coarse_ms(void) { return now_of(EN_COARSE_CLOCK, 1000000); }

int64_t en_deadline(int timeout_ms) { return timeout_ms < 0 ? -1 : en_now_ms() + timeout_ms; }

int en_left_ms(int64_t deadline) {
  if (deadline < 0) return -1;
  int64_t left = deadline - en_now_ms();
  return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void en_pause_ms(int ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
  (void)nanosleep(&time, NULL);
}
