#include "../descriptor.h"

#include <atomic>

#include "win32.h"

namespace entropynet {
namespace {

// The number of descriptors that wait or are being closed. Any thread.
std::atomic<std::size_t> closing{0};

// Runs on a thread of the system's pool.
DWORD WINAPI CloseOne(void* handle) {
  static_cast<void>(CloseDescriptor(ToDescriptor(handle)));
  closing.fetch_sub(1);
  return 0;
}

// Keeps this library loaded permanently, because a worker that loaded it may end before a close does.
void StayLoaded() {
  HMODULE module = nullptr;
  static_cast<void>(
      ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                           reinterpret_cast<LPCWSTR>(&CloseOne), &module));
}

}  // namespace

Status CloseDescriptor(Descriptor descriptor) {
  if (!::CloseHandle(ToHandle(descriptor))) return LastError("CloseHandle");
  return {};
}

// Closing the last handle of a remote file or of a device can wait for another machine or for a driver.
void CloseElsewhere(OwnedDescriptor descriptor) {
  if (!descriptor.IsOpen()) return;
  StayLoaded();
  closing.fetch_add(1);
  if (::QueueUserWorkItem(CloseOne, ToHandle(descriptor.Get()), WT_EXECUTELONGFUNCTION)) {
    static_cast<void>(descriptor.Release());
    return;
  }
  closing.fetch_sub(1);
}

std::size_t WaitingToClose() { return closing.load(); }

}  // namespace entropynet
