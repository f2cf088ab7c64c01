#include "../descriptor.h"

#include "win32.h"

namespace entropynet {

Status CloseDescriptor(Descriptor descriptor) {
  if (!::CloseHandle(ToHandle(descriptor))) return LastError("CloseHandle");
  return {};
}

}  // namespace entropynet
