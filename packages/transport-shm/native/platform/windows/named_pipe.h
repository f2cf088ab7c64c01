#ifndef ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_
#define ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_

#include <atomic>

#include <windows.h>

#include "../descriptor.h"
#include "../status.h"

namespace entropynet {

/*
 * One overlapped operation at a time, with its own manual-reset event. It must not be moved or destroyed
 * while the operation is under way: see Cancel.
 */
class Operation {
 public:
  Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Whether the system had a free event.
  bool IsReady() const { return event_.IsOpen(); }

  // Prepares for the next system call. The call must follow, and Begun must get its result.
  OVERLAPPED* Prepare();

  /*
   * Handles the result of the call `syscall` for which Prepare was called. If the call failed at once, no
   * operation is under way: the system never sets its event, and a wait for it would not end.
   */
  Status Begun(BOOL result, const char* syscall);

  // Returns whether it is still under way. If not, sets `status` and `bytes`.
  bool IsRunning(HANDLE file, Status* status, DWORD* bytes);

  // Cancels the operation and waits until the system has released the buffers.
  void Cancel(HANDLE file);

  HANDLE Event() const { return reinterpret_cast<HANDLE>(event_.Get()); }

 private:
  OVERLAPPED overlapped_{};
  OwnedDescriptor event_;
  bool is_begun_ = false;
};

/*
 * Calls a function on a thread of the system's pool when an event is set. It waits for the next time only
 * after Rearm, because the events here stay set until their bytes are taken.
 */
class EventNotifier {
 public:
  EventNotifier() = default;
  EventNotifier(const EventNotifier&) = delete;
  EventNotifier& operator=(const EventNotifier&) = delete;
  ~EventNotifier() { Stop(); }

  Status Start(HANDLE event, void (*notify)(void*), void* data);
  // Waits again after a call. Does nothing if it still waits, or was not started.
  void Rearm();
  void Stop();

 private:
  static void CALLBACK OnEvent(void* context, BOOLEAN timed_out);
  Status Arm();

  HANDLE event_ = nullptr;
  HANDLE wait_ = nullptr;
  void (*notify_)(void*) = nullptr;
  void* data_ = nullptr;
  // The thread of the pool sets it: the wait is over.
  std::atomic<bool> has_called_{false};
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_
