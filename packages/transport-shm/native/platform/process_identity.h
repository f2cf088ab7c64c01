#ifndef ENTROPYNET_PLATFORM_PROCESS_IDENTITY_H_
#define ENTROPYNET_PLATFORM_PROCESS_IDENTITY_H_

#include <cstdint>

#include "status.h"

namespace entropynet {

/*
 * Process numbers are used again; number and start time together are not. The start time's unit is the
 * platform's own (clock ticks since boot on Linux, microseconds on macOS, 100 ns on Windows): only
 * equality means anything.
 */
struct ProcessIdentity {
  std::uint32_t process_id = 0;
  std::uint64_t start_time = 0;
  std::uint32_t user_id = 0;
};

// The calling process; `user_id` is its effective user (0 on Windows, which has none).
Status CurrentProcessIdentity(ProcessIdentity* identity);

// When `process_id` started. `alive` is false for a process that is gone or only waits to be reaped.
Status ProcessStartTime(std::uint32_t process_id, bool* alive, std::uint64_t* start_time);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_PROCESS_IDENTITY_H_
