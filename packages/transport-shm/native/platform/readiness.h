#ifndef ENTROPYNET_PLATFORM_READINESS_H_
#define ENTROPYNET_PLATFORM_READINESS_H_

#include <cstdint>
#include <memory>

#include "descriptor.h"
#include "status.h"

namespace entropynet {

/*
 * A thread that waits for sockets to become readable, for a thread that must not wait. Only for pollable
 * sockets: see LocalSocket::IsPollable. Destroying it ends the thread and waits for its end.
 */
class Readiness {
 public:
  // Runs on the thread, for a socket that is readable or whose peer has gone.
  using Notify = void (*)(void* data, std::uintptr_t key);

  // Starts the thread. `started` is null, without a failure, if no socket of this system is pollable.
  static Status Start(Notify notify, void* data, std::unique_ptr<Readiness>* started);

  Readiness() = default;
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  virtual ~Readiness() = default;

  /*
   * Notifies once when `descriptor` (borrowed, open until Remove) is readable, and again after each Rearm.
   * The caller chooses `key`, which must not be 0.
   */
  virtual Status Add(Descriptor descriptor, std::uintptr_t key) = 0;
  virtual void Rearm(Descriptor descriptor, std::uintptr_t key) = 0;

  // A notification that is under way may still arrive.
  virtual void Remove(Descriptor descriptor) = 0;
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_READINESS_H_
