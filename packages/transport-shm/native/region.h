#ifndef ENTROPYNET_REGION_H_
#define ENTROPYNET_REGION_H_

#include <cstdint>

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

}  // namespace entropynet

#endif  // ENTROPYNET_REGION_H_
