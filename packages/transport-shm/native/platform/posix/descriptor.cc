#include "../descriptor.h"

#include <cerrno>

#include <unistd.h>

namespace entropynet {

Status CloseDescriptor(Descriptor descriptor) {
  // Never repeated on EINTR: the number is free by then and may be another thread's new descriptor.
  if (::close(descriptor) != 0 && errno != EINTR) return {errno, "close"};
  return {};
}

}  // namespace entropynet
