#ifndef ENTROPYNET_PLATFORM_PROCESS_IDENTITY_H_
#define ENTROPYNET_PLATFORM_PROCESS_IDENTITY_H_

#include <cstdint>

#include "status.h"

namespace entropynet {

/*
 * The system reuses process numbers, but never a number with its start time. The start time's unit depends on
 * the platform (clock ticks since boot on Linux, microseconds on macOS, 100 ns on Windows): only compare for
 * equality.
 */
struct ProcessIdentity {
  std::uint32_t process_id = 0;
  std::uint64_t start_time = 0;
  std::uint32_t user_id = 0;
};

// The calling process. `user_id` is its effective user (0 on Windows, which has none).
Status CurrentProcessIdentity(ProcessIdentity* identity);

// Reads the start time of `process_id`. `alive` is false for a process that has gone or is a zombie.
Status ProcessStartTime(std::uint32_t process_id, bool* alive, std::uint64_t* start_time);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_PROCESS_IDENTITY_H_
