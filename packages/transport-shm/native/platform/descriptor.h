#ifndef ENTROPYNET_PLATFORM_DESCRIPTOR_H_
#define ENTROPYNET_PLATFORM_DESCRIPTOR_H_

#include <cstddef>
#include <cstdint>

#include "status.h"

namespace entropynet {

// A file descriptor; on Windows a HANDLE, whose significant bits always fit 32.
#ifdef _WIN32
using Descriptor = std::intptr_t;
constexpr double kMaxDescriptor = 4294967295.0;
#else
using Descriptor = int;
constexpr double kMaxDescriptor = 2147483647.0;
#endif

constexpr Descriptor kNoDescriptor = -1;

/* Closes `descriptor`. It is closed even if an error is reported, so never call this twice. */
Status CloseDescriptor(Descriptor descriptor);

// The one owner of a descriptor. It closes the descriptor when it is destroyed.
class OwnedDescriptor {
 public:
  OwnedDescriptor() = default;
  explicit OwnedDescriptor(Descriptor descriptor) : descriptor_(descriptor) {}
  OwnedDescriptor(OwnedDescriptor&& other) noexcept : descriptor_(other.Release()) {}
  OwnedDescriptor& operator=(OwnedDescriptor&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  OwnedDescriptor(const OwnedDescriptor&) = delete;
  OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;
  ~OwnedDescriptor() { Reset(); }

  Descriptor Get() const { return descriptor_; }
  bool IsOpen() const { return descriptor_ != kNoDescriptor; }

  // Passes ownership to the caller.
  Descriptor Release() {
    const Descriptor released = descriptor_;
    descriptor_ = kNoDescriptor;
    return released;
  }

  // Closes the present descriptor and owns `descriptor` from now on.
  void Reset(Descriptor descriptor = kNoDescriptor) {
    const Descriptor closing = descriptor_;
    descriptor_ = descriptor;
    if (closing != kNoDescriptor) static_cast<void>(CloseDescriptor(closing));
  }

 private:
  Descriptor descriptor_ = kNoDescriptor;
};

/*
 * Closes a descriptor that another process passed, or a socket with such descriptors unread, on one separate
 * thread of this process. Closing it can wait as long as that process wants: a socket that lingers, a file
 * system in user space. For memory (IsMemory) it can't.
 */
void CloseElsewhere(OwnedDescriptor descriptor);

// Returns the number of descriptors that wait for CloseElsewhere.
std::size_t WaitingToClose();

// At this number, servers accept no more clients, because a peer must not use up the descriptors of this
// process.
constexpr std::size_t kMaxWaitingToClose = 64;

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_DESCRIPTOR_H_
