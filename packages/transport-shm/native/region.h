#ifndef ENTROPYNET_REGION_H_
#define ENTROPYNET_REGION_H_

#include <cstddef>
#include <cstdint>

#include <napi.h>

#include "platform/descriptor.h"
#include "platform/mapping.h"

namespace entropynet {

class Environment;

/*
 * A mapping behind an external ArrayBuffer. Belongs to the finalizer of that ArrayBuffer's memory, which
 * the runtime calls exactly once; unmapRegion empties it earlier. JS thread only.
 */
struct Region {
  Mapping mapping;
  // Null once the environment is gone; the finalizer may run later than that.
  Environment* environment = nullptr;
  // Taken off V8's count of external memory; put on it again before the mapping goes.
  std::int64_t given_back_bytes = 0;
};

// Whether `descriptor` is shared memory of exactly that size for good; if not, an exception is pending.
bool RequireSharedMemory(Napi::Env env, Descriptor descriptor, std::size_t byte_length);

}  // namespace entropynet

#endif  // ENTROPYNET_REGION_H_
