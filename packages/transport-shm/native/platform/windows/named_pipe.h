#ifndef ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_
#define ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_

#include <atomic>

#include <windows.h>

#include "../descriptor.h"
#include "../status.h"

namespace entropynet {

/*
 * One overlapped operation at a time, with a manual-reset event of its own. It must not move or go while the
 * operation is under way: see Cancel.
 */
class Operation {
 public:
  Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Whether the system had an event to give.
  bool IsReady() const { return event_.IsOpen(); }

  // Ready for the next system call, which must follow, and whose result Begun must get.
  OVERLAPPED* Prepare();

  /*
   * What came of the call named `syscall` that Prepare was for. A call that failed at once has left nothing
   * under way: the system never sets its event, and waiting for it would be waiting for ever.
   */
  Status Begun(BOOL result, const char* syscall);

  // Whether it is under way still; sets `status` and `bytes` once it is not.
  bool IsRunning(HANDLE file, Status* status, DWORD* bytes);

  // Gives up what is under way and waits until the system has let go of the buffers.
  void Cancel(HANDLE file);

  HANDLE Event() const { return reinterpret_cast<HANDLE>(event_.Get()); }

 private:
  OVERLAPPED overlapped_{};
  OwnedDescriptor event_;
  bool is_begun_ = false;
};

/*
 * Calls a function on a thread of the system's pool when an event is set, and waits for the next time only
 * when told to: the events here stay set until what they announce was taken.
 */
class EventNotifier {
 public:
  EventNotifier() = default;
  EventNotifier(const EventNotifier&) = delete;
  EventNotifier& operator=(const EventNotifier&) = delete;
  ~EventNotifier() { Stop(); }

  Status Start(HANDLE event, void (*notify)(void*), void* data);
  // Waits again after a call; does nothing where it waits still, or was not started.
  void Rearm();
  void Stop();

 private:
  static void CALLBACK OnEvent(void* context, BOOLEAN timed_out);
  Status Arm();

  HANDLE event_ = nullptr;
  HANDLE wait_ = nullptr;
  void (*notify_)(void*) = nullptr;
  void* data_ = nullptr;
  // Set by the thread of the pool: the wait is over.
  std::atomic<bool> has_called_{false};
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_WINDOWS_NAMED_PIPE_H_
