#include "../futex.h"

#include <atomic>
#include <cerrno>
#include <ctime>

#include <dlfcn.h>
#include <sched.h>

namespace entropynet {
namespace {

// Declared here, because the headers of macOS have them only from 14.4 on, or not at all (__ulock_*).
constexpr std::uint32_t kSyncShared = 1;  // OS_SYNC_WAIT_ON_ADDRESS_SHARED, OS_SYNC_WAKE_BY_ADDRESS_SHARED
constexpr std::uint32_t kMachAbsoluteTime = 32;     // OS_CLOCK_MACH_ABSOLUTE_TIME
constexpr std::uint32_t kCompareAndWaitShared = 3;  // UL_COMPARE_AND_WAIT_SHARED
constexpr std::uint32_t kWakeAll = 0x00000100;      // ULF_WAKE_ALL

// A page that is being moved exists again at once. Memory that does not exist gives the same error.
constexpr int kMaxFaults = 8;

using WaitWithTimeout = int (*)(void*, std::uint64_t, std::size_t, std::uint32_t, std::uint32_t,
                                std::uint64_t);
using WakeAll = int (*)(void*, std::size_t, std::uint32_t);
using UnfairWait = int (*)(std::uint32_t, void*, std::uint64_t, std::uint32_t);
using UnfairWake = int (*)(std::uint32_t, void*, std::uint64_t);

struct Functions {
  WaitWithTimeout wait;
  WakeAll wake;
  UnfairWait old_wait;
  UnfairWake old_wake;
};

template <typename Function>
Function Find(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_DEFAULT, name));
}

// The same for every process and thread of this system version. Never written again.
const Functions& SystemFunctions() {
  static const Functions functions{
      Find<WaitWithTimeout>("os_sync_wait_on_address_with_timeout"),
      Find<WakeAll>("os_sync_wake_by_address_all"),
      Find<UnfairWait>("__ulock_wait"),
      Find<UnfairWake>("__ulock_wake"),
  };
  return functions;
}

std::int64_t MonotonicNanoseconds() {
  return static_cast<std::int64_t>(::clock_gettime_nsec_np(CLOCK_UPTIME_RAW));
}

// Both calls return -1 with errno set, or the number of others that still wait.
int WaitOnce(const Functions& functions, void* address, std::uint32_t expected, std::int64_t remaining_ns) {
  if (functions.wait != nullptr && functions.wake != nullptr) {
    return functions.wait(address, expected, sizeof expected, kSyncShared, kMachAbsoluteTime,
                          static_cast<std::uint64_t>(remaining_ns));
  }
  constexpr std::int64_t nanoseconds_per_microsecond = 1000;
  constexpr std::int64_t longest_us = UINT32_MAX;
  const std::int64_t rounded_us =
      (remaining_ns + nanoseconds_per_microsecond - 1) / nanoseconds_per_microsecond;
  // Zero would wait without end.
  const std::int64_t timeout_us = rounded_us < 1 ? 1 : (rounded_us > longest_us ? longest_us : rounded_us);
  return functions.old_wait(kCompareAndWaitShared, address, expected, static_cast<std::uint32_t>(timeout_us));
}

}  // namespace

Status WaitOnWord(const SharedWord& word, std::uint32_t expected, std::int64_t timeout_ns,
                  WaitResult* result) {
  const Functions& functions = SystemFunctions();
  if (functions.wait == nullptr && functions.old_wait == nullptr)
    return {kErrorUnsupported, "os_sync_wait_on_address"};
  auto* value = reinterpret_cast<std::atomic<std::uint32_t>*>(word.Address());
  // The system does not report if the word differed, so this reads the word first. A change after this read
  // makes the wait return at once, which counts as a wake.
  if (value->load(std::memory_order_seq_cst) != expected) {
    *result = WaitResult::kChanged;
    return {};
  }
  const std::int64_t deadline = MonotonicNanoseconds() + timeout_ns;
  for (int faults = 0; faults < kMaxFaults;) {
    const std::int64_t remaining = deadline - MonotonicNanoseconds();
    if (remaining <= 0) {
      *result = WaitResult::kTimedOut;
      return {};
    }
    if (WaitOnce(functions, word.Address(), expected, remaining) >= 0) {
      *result = WaitResult::kWoken;
      return {};
    }
    // After a timeout the loop runs once more, because the old call can't wait for long at a time.
    if (errno == EFAULT) {
      faults++;
    } else if (errno != ETIMEDOUT && errno != EINTR) {
      return {errno, "os_sync_wait_on_address"};
    }
  }
  return {EFAULT, "os_sync_wait_on_address"};
}

Status WakeWord(const SharedWord& word, int* woken) {
  const Functions& functions = SystemFunctions();
  const bool is_new = functions.wait != nullptr && functions.wake != nullptr;
  if (!is_new && functions.old_wake == nullptr) return {kErrorUnsupported, "os_sync_wake_by_address_all"};
  int result;
  do {
    result = is_new ? functions.wake(word.Address(), sizeof(std::uint32_t), kSyncShared)
                    : functions.old_wake(kCompareAndWaitShared | kWakeAll, word.Address(), 0);
    // A wake that a signal interrupted has woken no thread.
  } while (result < 0 && errno == EINTR);
  if (result < 0 && errno != ENOENT) return {errno, "os_sync_wake_by_address_all"};
  // The system reports only if a thread waited (ENOENT: none).
  *woken = result < 0 ? 0 : 1;
  return {};
}

void LetOthersRun() { ::sched_yield(); }

}  // namespace entropynet
