#ifndef ENTROPYNET_PLATFORM_FUTEX_H_
#define ENTROPYNET_PLATFORM_FUTEX_H_

#include <cstddef>
#include <cstdint>

#include "status.h"

namespace entropynet {

/*
 * A 32-bit word in memory that several processes may map at different addresses. Linux and macOS find the
 * other waiters by the memory at `address`. Windows has no futex between processes, and names an event after
 * the region's identity and the word's offset, for which it needs the whole region.
 */
struct SharedWord {
  std::uint8_t* region;
  std::size_t region_bytes;
  std::size_t byte_offset;

  std::uint32_t* Address() const { return reinterpret_cast<std::uint32_t*>(region + byte_offset); }
};

enum class WaitResult { kWoken, kChanged, kTimedOut };

/*
 * Blocks the calling thread while `word` holds `expected`, for at most `timeout_ns` nanoseconds. kChanged:
 * the word had another value already. kWoken may be spurious, so read the word again.
 */
Status WaitOnWord(const SharedWord& word, std::uint32_t expected, std::int64_t timeout_ns,
                  WaitResult* result);

// Wakes all threads, in every process, that wait on `word`. `woken` is their number.
Status WakeWord(const SharedWord& word, int* woken);

// Gives the processor to another thread that is ready to run on it, if there is one. Returns when this thread
// has its next turn.
void LetOthersRun();

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_FUTEX_H_
