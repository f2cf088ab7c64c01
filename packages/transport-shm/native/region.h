#ifndef ENTROPYNET_REGION_H_
#define ENTROPYNET_REGION_H_

#include <cstddef>
#include <cstdint>

#include <napi.h>

#include "platform/descriptor.h"
#include "platform/futex.h"
#include "platform/mapping.h"

namespace entropynet {

class Environment;

/*
 * A mapping behind an external ArrayBuffer. The memory goes when nobody can reach it any more: when V8 has
 * let go of the backing store and the object of the ArrayBuffer has been collected. Both must have happened.
 * Detaching frees the backing store at once, but asynchronous work of Node.js (fs.read, crypto.randomFill)
 * holds the object of its view and a bare address. Transferring keeps the backing store without the object.
 * JS thread only.
 */
struct Region {
  Mapping mapping;
  // Null once the environment is gone; a finalizer may run later than that.
  Environment* environment = nullptr;
  // What V8's count of external memory gets when the region goes: see napi_region.cc.
  std::int64_t uncounted_bytes = 0;
  // Finalizers that are still to run, that of the backing store and that of the object, and a call in
  // progress.
  int holders = 2;
};

/*
 * What regions and copies of regions have in common. A false, or an empty value, means that an exception is
 * pending.
 */

// Makes shared memory after the arguments (byteLength, prefault).
bool MakeMemory(const Napi::CallbackInfo& info, OwnedDescriptor* made, std::size_t* byte_length);

// Checks after the arguments (descriptor, byteLength, prefault) that this is shared memory of that size for
// good.
bool CheckMemory(const Napi::CallbackInfo& info, Descriptor* descriptor, std::size_t* byte_length);

// The result { [name]: made, descriptor } of making a region; JavaScript owns the descriptor from here on.
Napi::Value MadeRegion(const char* name, const Napi::Value& made, OwnedDescriptor descriptor);

/*
 * Waits on `word` after the arguments (expected, timeoutMs), which stand from `first` on. Blocks this thread:
 * a worker that is terminated meanwhile ends when the wait does.
 */
Napi::Value WaitOn(const Napi::CallbackInfo& info, std::size_t first, const SharedWord& word);

}  // namespace entropynet

#endif  // ENTROPYNET_REGION_H_
