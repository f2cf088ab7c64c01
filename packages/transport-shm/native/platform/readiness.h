#ifndef ENTROPYNET_PLATFORM_READINESS_H_
#define ENTROPYNET_PLATFORM_READINESS_H_

#include <cstdint>
#include <memory>

#include "descriptor.h"
#include "status.h"

namespace entropynet {

/*
 * A thread that waits for sockets to become readable, on behalf of a thread that must not wait. Only for
 * sockets that are pollable: see LocalSocket::IsPollable. Destroying it ends the thread and waits for that.
 */
class Readiness {
 public:
  // Runs on the thread, for a socket that is readable or whose peer is gone.
  using Notify = void (*)(void* data, std::uintptr_t key);

  // Starts the thread. `started` is null, which is no failure, where no socket of this system is pollable.
  static Status Start(Notify notify, void* data, std::unique_ptr<Readiness>* started);

  Readiness() = default;
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  virtual ~Readiness() = default;

  /*
   * Notifies once when `descriptor` (borrowed, open until Remove) is readable, and again after each Rearm.
   * `key` is the caller's, and not 0.
   */
  virtual Status Add(Descriptor descriptor, std::uintptr_t key) = 0;
  virtual void Rearm(Descriptor descriptor, std::uintptr_t key) = 0;

  // A notification that is under way may still come.
  virtual void Remove(Descriptor descriptor) = 0;
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_READINESS_H_
