#ifndef ENTROPYNET_PLATFORM_STATUS_H_
#define ENTROPYNET_PLATFORM_STATUS_H_

namespace entropynet {

// Failures without a number of an operating system. They are above every errno and every Win32 error.
constexpr int kErrorUnsealed = 0x40000001;
constexpr int kErrorSizeMismatch = 0x40000002;
constexpr int kErrorClosed = 0x40000003;
constexpr int kErrorUnsupported = 0x40000004;
constexpr int kErrorWouldBlock = 0x40000005;
constexpr int kErrorNameTooLong = 0x40000006;
constexpr int kErrorAlreadyStarted = 0x40000007;
constexpr int kErrorDescriptorPassed = 0x40000008;
constexpr int kErrorClosesWaiting = 0x40000009;
constexpr int kErrorBadMessage = 0x4000000a;

/*
 * The result of a platform function. `error` is 0 for success, otherwise the system's number (errno;
 * GetLastError() on Windows), one of the kError constants, or a negative libuv code. `syscall` is the name of
 * the failed call; it points to a string literal.
 */
struct [[nodiscard]] Status {
  int error = 0;
  const char* syscall = "";

  bool Ok() const { return error == 0; }
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_STATUS_H_
