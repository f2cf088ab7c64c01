#ifndef ENTROPYNET_PLATFORM_WINDOWS_WIN32_H_
#define ENTROPYNET_PLATFORM_WINDOWS_WIN32_H_

#include <cstdint>
#include <string>

#include <windows.h>

#include "../descriptor.h"
#include "../status.h"

namespace entropynet {

// Returns the calling thread's last Win32 error as a Status.
inline Status LastError(const char* syscall) { return {static_cast<int>(::GetLastError()), syscall}; }

inline HANDLE ToHandle(Descriptor descriptor) { return reinterpret_cast<HANDLE>(descriptor); }
inline Descriptor ToDescriptor(HANDLE handle) { return reinterpret_cast<Descriptor>(handle); }

// Takes ownership of the result of a system call. Some calls fail with a null handle, others with
// INVALID_HANDLE_VALUE.
inline OwnedDescriptor OwnHandle(HANDLE handle) {
  return OwnedDescriptor(handle == nullptr ? kNoDescriptor : ToDescriptor(handle));
}

// Converts UTF-8 to UTF-16 for the wide functions of the system.
inline std::wstring Widen(const std::string& text) {
  const int length =
      ::MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
  std::wstring wide(static_cast<std::size_t>(length), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), wide.data(), length);
  return wide;
}

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_WINDOWS_WIN32_H_
