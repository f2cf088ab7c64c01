#include <string>
#include <utility>

#include <napi.h>

#include "environment.h"
#include "exports.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "platform/directory_lock.h"

namespace entropynet {
namespace {

Napi::Value Lock(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadPath(info, 0, "path", &path)) return {};
  OwnedDescriptor lock;
  const Status status = LockDirectory(path, &lock);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status, path);
    return {};
  }
  return Napi::Number::New(info.Env(), static_cast<double>(Environment::Of(info.Env()).Own(std::move(lock))));
}

void RemoveAtExit(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadPath(info, 0, "path", &path)) return;
  const Status status = Environment::Of(info.Env()).RemoveAtExit(info.Env(), path);
  if (!status.Ok()) ThrowStatus(info.Env(), status, path);
}

void ForgetAtExit(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadPath(info, 0, "path", &path)) return;
  Environment::Of(info.Env()).ForgetAtExit(path);
}

}  // namespace

void ExportNames(Napi::Env env, Napi::Object exports) {
  exports.Set("lockDirectory", Napi::Function::New<Lock>(env, "lockDirectory"));
  exports.Set("removeAtExit", Napi::Function::New<RemoveAtExit>(env, "removeAtExit"));
  exports.Set("forgetAtExit", Napi::Function::New<ForgetAtExit>(env, "forgetAtExit"));
}

}  // namespace entropynet
