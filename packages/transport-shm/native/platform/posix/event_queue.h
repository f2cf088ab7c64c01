#ifndef ENTROPYNET_PLATFORM_POSIX_EVENT_QUEUE_H_
#define ENTROPYNET_PLATFORM_POSIX_EVENT_QUEUE_H_

#include <cstddef>
#include <cstdint>

#include "../descriptor.h"
#include "../status.h"

namespace entropynet {

/*
 * The kernel's queue of sockets that have become readable. Every function may be called while another thread
 * waits in Wait.
 */
class EventQueue {
 public:
  Status Open();

  // Reports `key` once when `descriptor` is readable or its peer is gone, and again after each Rearm.
  Status Add(Descriptor descriptor, std::uintptr_t key);
  void Rearm(Descriptor descriptor, std::uintptr_t key);
  void Remove(Descriptor descriptor);

  // Makes Wait report 0, now and from then on.
  void End();

  // Blocks until a socket is ready. Returns the number of written `keys`.
  std::size_t Wait(std::uintptr_t* keys, std::size_t room);

 private:
  OwnedDescriptor queue_;
  // Readable after the end of the queue, on systems where the queue itself can't report the end.
  OwnedDescriptor end_;
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_POSIX_EVENT_QUEUE_H_
