#include "named_pipe.h"

#include "win32.h"

namespace entropynet {

Operation::Operation() : event_(OwnHandle(::CreateEventW(nullptr, TRUE, FALSE, nullptr))) {}

OVERLAPPED* Operation::Prepare() {
  overlapped_ = {};
  overlapped_.hEvent = Event();
  return &overlapped_;
}

Status Operation::Begun(BOOL result, const char* syscall) {
  is_begun_ = result || ::GetLastError() == ERROR_IO_PENDING;
  if (is_begun_) return {};
  return LastError(syscall);
}

bool Operation::IsRunning(HANDLE file, Status* status, DWORD* bytes) {
  *bytes = 0;
  if (!is_begun_) return false;
  if (!::GetOverlappedResult(file, &overlapped_, bytes, FALSE)) {
    if (::GetLastError() == ERROR_IO_INCOMPLETE) return true;
    *status = LastError("GetOverlappedResult");
  }
  is_begun_ = false;
  return false;
}

void Operation::Cancel(HANDLE file) {
  if (!is_begun_) return;
  DWORD bytes = 0;
  ::CancelIoEx(file, &overlapped_);
  ::GetOverlappedResult(file, &overlapped_, &bytes, TRUE);
  is_begun_ = false;
}

Status EventNotifier::Start(HANDLE event, void (*notify)(void*), void* data) {
  event_ = event;
  notify_ = notify;
  data_ = data;
  const Status status = Arm();
  if (!status.Ok()) Stop();
  return status;
}

void EventNotifier::Rearm() {
  if (notify_ == nullptr || !has_called_.load()) return;
  // If the pool has no room for a wait, this wakes the event loop at once. It looks again, and returns here.
  if (!Arm().Ok()) notify_(data_);
}

Status EventNotifier::Arm() {
  if (wait_ != nullptr) ::UnregisterWaitEx(wait_, INVALID_HANDLE_VALUE);
  wait_ = nullptr;
  has_called_.store(false);
  if (::RegisterWaitForSingleObject(&wait_, event_, OnEvent, this, INFINITE, WT_EXECUTEONLYONCE)) return {};
  wait_ = nullptr;
  has_called_.store(true);
  return LastError("RegisterWaitForSingleObject");
}

void EventNotifier::Stop() {
  // Waits for a running call, which only wakes the event loop and takes no lock of this object.
  if (wait_ != nullptr) ::UnregisterWaitEx(wait_, INVALID_HANDLE_VALUE);
  wait_ = nullptr;
  notify_ = nullptr;
}

// Runs on a thread of the system's pool.
void CALLBACK EventNotifier::OnEvent(void* context, BOOLEAN) {
  auto* notifier = static_cast<EventNotifier*>(context);
  notifier->has_called_.store(true);
  notifier->notify_(notifier->data_);
}

}  // namespace entropynet
