#include "../descriptor.h"

#include "win32.h"

namespace entropynet {

Status CloseDescriptor(Descriptor descriptor) {
  if (!::CloseHandle(ToHandle(descriptor))) return LastError("CloseHandle");
  return {};
}

// Closing a handle waits for nobody.
void CloseElsewhere(OwnedDescriptor descriptor) { descriptor.Reset(); }

std::size_t WaitingToClose() { return 0; }

}  // namespace entropynet
