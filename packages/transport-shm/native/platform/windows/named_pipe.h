#ifndef ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_
#define ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_

#include <windows.h>

#include "../descriptor.h"
#include "../status.h"

namespace entropynet {

// A manual-reset event of its own for an overlapped operation; `overlapped` must not move meanwhile.
class Operation {
 public:
  Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Ready for the next system call, which must follow.
  OVERLAPPED* Begin();

  // Whether it is under way still; sets `status` and `bytes` once it is not.
  bool IsRunning(HANDLE file, Status* status, DWORD* bytes);

  // Gives up what is under way and waits until the system has let go of the buffers.
  void Cancel(HANDLE file);

  HANDLE Event() const { return reinterpret_cast<HANDLE>(event_.Get()); }
  bool HasBegun() const { return begun_; }

 private:
  OVERLAPPED overlapped_{};
  OwnedDescriptor event_;
  bool begun_ = false;
};

/*
 * Calls a function on a thread of the system's pool whenever an event is set, and waits for the next time
 * only when told to: the events here stay set until what they announce was taken.
 */
class EventNotifier {
 public:
  EventNotifier() = default;
  EventNotifier(const EventNotifier&) = delete;
  EventNotifier& operator=(const EventNotifier&) = delete;
  ~EventNotifier() { Stop(); }

  Status Start(HANDLE event, void (*notify)(void*), void* data);
  // Waits again; does nothing unless started.
  void Rearm();
  void Stop();

 private:
  static void CALLBACK OnEvent(void* context, BOOLEAN timed_out);

  HANDLE event_ = nullptr;
  HANDLE wait_ = nullptr;
  void (*notify_)(void*) = nullptr;
  void* data_ = nullptr;
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_
