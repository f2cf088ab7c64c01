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
 * A mapping behind an external ArrayBuffer. It is unmapped when no code can reach it any more: after V8 has
 * released the backing store and has collected the object of the ArrayBuffer. Both must have happened.
 * Detaching frees the backing store at once, but asynchronous work of Node.js (fs.read, crypto.randomFill)
 * holds the object of its view and a raw address. Transferring keeps the backing store without the object. JS
 * thread only.
 */
struct Region {
  Mapping mapping;
  // Null after the end of the environment. A finalizer may run later than that.
  Environment* environment = nullptr;
  // Added to V8's count of external memory when the region is unmapped: see napi_region.cc.
  std::int64_t uncounted_bytes = 0;
  // The number of holders: the finalizers of the backing store and of the object that have not run, and a
  // call in progress.
  int holders = 2;
};

/*
 * The common parts of regions and copies of regions. False, or an empty value, means that an exception is
 * pending.
 */

// Makes shared memory from the arguments (byteLength, prefault).
bool MakeMemory(const Napi::CallbackInfo& info, OwnedDescriptor* made, std::size_t* byte_length);

// Checks that the arguments (descriptor, byteLength, prefault) give shared memory of that size, with a
// permanent size.
bool CheckMemory(const Napi::CallbackInfo& info, Descriptor* descriptor, std::size_t* byte_length);

// Returns { [name]: made, descriptor }, the result of making a region. JavaScript owns the descriptor from
// now on.
Napi::Value MadeRegion(const char* name, const Napi::Value& made, OwnedDescriptor descriptor);

/*
 * Waits on `word` with the arguments (expected, timeoutMs), which start at `first`. Blocks this thread: a
 * worker that is terminated meanwhile ends together with the wait.
 */
Napi::Value WaitOn(const Napi::CallbackInfo& info, std::size_t first, const SharedWord& word);

}  // namespace entropynet

#endif  // ENTROPYNET_REGION_H_
