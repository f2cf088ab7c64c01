#include "named_pipe.h"

#include "win32.h"

namespace entropynet {

Operation::Operation() : event_(ToDescriptor(::CreateEventW(nullptr, TRUE, FALSE, nullptr))) {}

OVERLAPPED* Operation::Begin() {
  overlapped_ = {};
  overlapped_.hEvent = Event();
  begun_ = true;
  return &overlapped_;
}

bool Operation::IsRunning(HANDLE file, Status* status, DWORD* bytes) {
  if (!begun_) return false;
  *bytes = 0;
  if (!::GetOverlappedResult(file, &overlapped_, bytes, FALSE)) {
    if (::GetLastError() == ERROR_IO_INCOMPLETE) return true;
    *status = LastError("GetOverlappedResult");
  }
  begun_ = false;
  return false;
}

void Operation::Cancel(HANDLE file) {
  if (!begun_) return;
  DWORD bytes = 0;
  ::CancelIoEx(file, &overlapped_);
  ::GetOverlappedResult(file, &overlapped_, &bytes, TRUE);
  begun_ = false;
}

Status EventNotifier::Start(HANDLE event, void (*notify)(void*), void* data) {
  event_ = event;
  notify_ = notify;
  data_ = data;
  Rearm();
  if (wait_ == nullptr) return LastError("RegisterWaitForSingleObject");
  return {};
}

void EventNotifier::Rearm() {
  if (notify_ == nullptr) return;
  if (wait_ != nullptr) ::UnregisterWaitEx(wait_, INVALID_HANDLE_VALUE);
  wait_ = nullptr;
  ::RegisterWaitForSingleObject(&wait_, event_, OnEvent, this, INFINITE, WT_EXECUTEONLYONCE);
}

void EventNotifier::Stop() {
  // Waits for a call that is under way, which only wakes the event loop and takes no lock of ours.
  if (wait_ != nullptr) ::UnregisterWaitEx(wait_, INVALID_HANDLE_VALUE);
  wait_ = nullptr;
  notify_ = nullptr;
}

// A thread of the system's pool.
void CALLBACK EventNotifier::OnEvent(void* context, BOOLEAN) {
  const auto* notifier = static_cast<EventNotifier*>(context);
  notifier->notify_(notifier->data_);
}

}  // namespace entropynet
