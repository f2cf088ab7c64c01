#include "../futex.h"

#include <cerrno>
#include <climits>
#include <ctime>

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace entropynet {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

timespec DeadlineAfter(std::int64_t timeout_ns) {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t nanoseconds = now.tv_nsec + timeout_ns % kNanosecondsPerSecond;
  timespec deadline;
  deadline.tv_sec = static_cast<time_t>(now.tv_sec + timeout_ns / kNanosecondsPerSecond +
                                        nanoseconds / kNanosecondsPerSecond);
  deadline.tv_nsec = static_cast<long>(nanoseconds % kNanosecondsPerSecond);
  return deadline;
}

}  // namespace

// Neither call has FUTEX_PRIVATE_FLAG, because with it the kernel would not find the other process.

Status WaitOnWord(const SharedWord& word, std::uint32_t expected, std::int64_t timeout_ns,
                  WaitResult* result) {
  // The deadline is absolute, so that a signal does not lengthen the wait.
  const timespec deadline = DeadlineAfter(timeout_ns);
  for (;;) {
    const long waited = ::syscall(SYS_futex, word.Address(), FUTEX_WAIT_BITSET, expected, &deadline, nullptr,
                                  FUTEX_BITSET_MATCH_ANY);
    if (waited == 0) {
      *result = WaitResult::kWoken;
      return {};
    }
    if (errno == EAGAIN) {
      *result = WaitResult::kChanged;
      return {};
    }
    if (errno == ETIMEDOUT) {
      *result = WaitResult::kTimedOut;
      return {};
    }
    if (errno != EINTR) return {errno, "futex"};
  }
}

Status WakeWord(const SharedWord& word, int* woken) {
  const long result = ::syscall(SYS_futex, word.Address(), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  if (result < 0) return {errno, "futex"};
  *woken = static_cast<int>(result);
  return {};
}

void LetOthersRun() { ::sched_yield(); }

}  // namespace entropynet
