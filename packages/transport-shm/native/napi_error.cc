#include "napi_error.h"

#include <uv.h>

#ifdef _WIN32
#include "windows_errors.h"
#endif

namespace entropynet {
namespace {

struct Description {
  int number;
  std::string code;
  std::string text;
};

// From the table in libuv's header, so that a runtime without libuv has the codes and texts of Node.js, too.
Description DescribeLibuvCode(int number) {
  switch (number) {
#define ENTROPYNET_DESCRIBE(code, text) \
  case UV_##code:                       \
    return {number, #code, text};
    UV_ERRNO_MAP(ENTROPYNET_DESCRIBE)
#undef ENTROPYNET_DESCRIBE
    default:
      return {number, "UNKNOWN", "unknown error " + std::to_string(number)};
  }
}

// Describes an error of the system, or one that has a code of libuv already.
Description DescribeSystemError(int error) {
  if (error <= 0) return DescribeLibuvCode(error);
#ifdef _WIN32
  const int code = LibuvCodeOf(error);
  if (code == UV_UNKNOWN) return {code, "UNKNOWN", "error " + std::to_string(error) + " of Windows"};
  return DescribeLibuvCode(code);
#else
  return DescribeLibuvCode(-error);
#endif
}

Description Describe(int error) {
  switch (error) {
    case kErrorUnsealed:
      return {UV_EINVAL, "EUNSEALED", "not shared memory whose size is sealed"};
    case kErrorSizeMismatch:
      return {UV_EINVAL, "ESIZEMISMATCH", "shared memory of another size"};
    case kErrorDescriptorPassed:
      return {UV_EPROTO, "EPROTO", "the peer passed a descriptor where none belongs"};
    case kErrorBadMessage:
      return {UV_EPROTO, "EPROTO", "the peer sent a message that is none of this protocol"};
    case kErrorClosesWaiting:
      return {UV_EBUSY, "EBUSY", "too many sockets wait to be closed whose peers passed descriptors"};
    case kErrorClosed:
      return DescribeLibuvCode(UV_EBADF);
    case kErrorUnsupported:
      return DescribeLibuvCode(UV_ENOTSUP);
    case kErrorWouldBlock:
      return DescribeLibuvCode(UV_EAGAIN);
    case kErrorNameTooLong:
      return DescribeLibuvCode(UV_ENAMETOOLONG);
    case kErrorAlreadyStarted:
      return DescribeLibuvCode(UV_EALREADY);
    default:
      return DescribeSystemError(error);
  }
}

}  // namespace

void ThrowStatus(Napi::Env env, const Status& status, const std::string& path, const std::string& note) {
  const Description description = Describe(status.error);
  std::string message = description.code + ": " + description.text + ", " + status.syscall;
  if (!path.empty()) message += " '" + path + "'";
  if (!note.empty()) message += " (" + note + ")";
  Napi::Object error = Napi::Error::New(env, message).Value();
  error.Set("code", Napi::String::New(env, description.code));
  error.Set("errno", Napi::Number::New(env, description.number));
  error.Set("syscall", Napi::String::New(env, status.syscall));
  if (!path.empty()) error.Set("path", Napi::String::New(env, path));
  Napi::Error(env, error).ThrowAsJavaScriptException();
}

void ThrowTypeError(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

}  // namespace entropynet
