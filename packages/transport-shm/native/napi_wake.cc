#include <string>

#include <napi.h>

#include "environment.h"
#include "exports.h"
#include "libuv.h"
#include "napi_error.h"
#include "wake.h"

namespace entropynet {
namespace {

// The names in process.versions of runtimes that offer Node-API without libuv.
constexpr const char* kRuntimesWithoutLibuv[] = {"bun", "deno"};

void SetWake(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string way = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  if (way == "thread") {
    Environment::Of(env).wake = Wake::kThread;
  } else if (way != "event-loop") {
    ThrowTypeError(env, "way must be 'event-loop' or 'thread', got " +
                            (info[0].IsString() ? "'" + way + "'" : std::string("another type")));
  } else if (!HasLibuv(env)) {
    ThrowStatus(env, {kErrorUnsupported, "napi_get_uv_event_loop"});
  } else {
    Environment::Of(env).wake = Wake::kEventLoop;
  }
}

}  // namespace

bool HasLibuv(Napi::Env env) {
#ifndef _WIN32
  if (uv_poll_init == nullptr) return false;
#endif
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return false;
  const Napi::Value versions = process.As<Napi::Object>().Get("versions");
  if (!versions.IsObject()) return false;
  for (const char* const runtime : kRuntimesWithoutLibuv) {
    if (!versions.As<Napi::Object>().Get(runtime).IsUndefined()) return false;
  }
  return true;
}

void ExportWake(Napi::Env env, Napi::Object exports) {
  exports.Set("setWake", Napi::Function::New<SetWake>(env, "setWake"));
}

}  // namespace entropynet
