#include <cstdint>
#include <string>

#include <napi.h>

#include "exports.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "platform/futex.h"
#include "region.h"

namespace entropynet {
namespace {

constexpr double kNanosecondsPerMillisecond = 1e6;
constexpr double kMaxTimeoutMs = 2147483647.0;
constexpr double kMinInt32 = -2147483648.0;
constexpr double kMaxUint32 = 4294967295.0;

// Reads (buffer, byteOffset), the first two arguments.
bool ReadWord(const Napi::CallbackInfo& info, SharedWord* word) {
  ByteView bytes;
  if (!ReadArrayBuffer(info, 0, "buffer", &bytes)) return false;
  if (bytes.size < sizeof(std::uint32_t)) {
    ThrowTypeError(info.Env(), "buffer must be an ArrayBuffer of at least 4 bytes, got one of " +
                                   std::to_string(bytes.size) + " (0 once it was unmapped)");
    return false;
  }
  double byte_offset;
  const auto last = static_cast<double>(bytes.size - sizeof(std::uint32_t));
  if (!ReadInteger(info, 1, "byteOffset", 0, last, &byte_offset)) return false;
  *word = {bytes.data, bytes.size, static_cast<std::size_t>(byte_offset)};
  if (reinterpret_cast<std::uintptr_t>(word->Address()) % sizeof(std::uint32_t) != 0) {
    ThrowTypeError(info.Env(),
                   "byteOffset must be a multiple of 4, got " + std::to_string(word->byte_offset));
    return false;
  }
  return true;
}

Napi::Value Wait(const Napi::CallbackInfo& info) {
  SharedWord word;
  if (!ReadWord(info, &word)) return {};
  return WaitOn(info, 2, word);
}

Napi::Value Wake(const Napi::CallbackInfo& info) {
  SharedWord word;
  if (!ReadWord(info, &word)) return {};
  int woken = 0;
  const Status status = WakeWord(word, &woken);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  return Napi::Number::New(info.Env(), woken);
}

Napi::Value Yield(const Napi::CallbackInfo& info) {
  LetOthersRun();
  return info.Env().Undefined();
}

}  // namespace

Napi::Value WaitOn(const Napi::CallbackInfo& info, std::size_t first, const SharedWord& word) {
  double expected;
  double timeout_ms;
  // Both readings of 32 bits are allowed, so that values of an Int32Array and of a Uint32Array fit.
  if (!ReadInteger(info, first, "expected", kMinInt32, kMaxUint32, &expected)) return {};
  if (!ReadNumber(info, first + 1, "timeoutMs", 0, kMaxTimeoutMs, &timeout_ms)) return {};
  const auto expected_bits = static_cast<std::uint32_t>(static_cast<std::int64_t>(expected));
  WaitResult result = WaitResult::kTimedOut;
  const Status status = WaitOnWord(
      word, expected_bits, static_cast<std::int64_t>(timeout_ms * kNanosecondsPerMillisecond), &result);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  switch (result) {
    case WaitResult::kWoken:
      return Napi::String::New(info.Env(), "woken");
    case WaitResult::kChanged:
      return Napi::String::New(info.Env(), "changed");
    case WaitResult::kTimedOut:
      break;
  }
  return Napi::String::New(info.Env(), "timed-out");
}

void ExportFutex(Napi::Env env, Napi::Object exports) {
  exports.Set("waitOnWord", Napi::Function::New<Wait>(env, "waitOnWord"));
  exports.Set("wakeWord", Napi::Function::New<Wake>(env, "wakeWord"));
  exports.Set("letOthersRun", Napi::Function::New<Yield>(env, "letOthersRun"));
}

}  // namespace entropynet
