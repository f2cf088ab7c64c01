#include <napi.h>

#include "exports.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "platform/process_identity.h"

namespace entropynet {
namespace {

#ifdef _WIN32
constexpr double kMaxProcessId = 4294967295.0;
#else
constexpr double kMaxProcessId = 2147483647.0;
#endif

Napi::Value Identity(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ProcessIdentity identity;
  const Status status = CurrentProcessIdentity(&identity);
  if (!status.Ok()) {
    ThrowStatus(env, status);
    return {};
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("processId", static_cast<double>(identity.process_id));
  result.Set("startTime", Napi::BigInt::New(env, identity.start_time));
  result.Set("userId", static_cast<double>(identity.user_id));
  return result;
}

Napi::Value StartTime(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  double process_id;
  if (!ReadInteger(info, 0, "processId", 1, kMaxProcessId, &process_id)) return {};
  bool alive = false;
  std::uint64_t start_time = 0;
  const Status status = ProcessStartTime(static_cast<std::uint32_t>(process_id), &alive, &start_time);
  if (!status.Ok()) {
    ThrowStatus(env, status);
    return {};
  }
  if (!alive) return env.Null();
  return Napi::BigInt::New(env, start_time);
}

}  // namespace

void ExportProcess(Napi::Env env, Napi::Object exports) {
  exports.Set("processIdentity", Napi::Function::New<Identity>(env, "processIdentity"));
  exports.Set("processStartTime", Napi::Function::New<StartTime>(env, "processStartTime"));
}

}  // namespace entropynet
