#include <string>
#include <utility>

#include <napi.h>

#include "environment.h"
#include "exports.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "platform/directory_lock.h"
#ifdef _WIN32
#include "platform/windows/security.h"
#endif

namespace entropynet {
namespace {

// `take` is one of the two functions of platform/directory_lock.h.
template <Status (*take)(const std::string&, OwnedDescriptor*)>
Napi::Value Lock(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadPath(info, 0, "path", &path)) return {};
  OwnedDescriptor lock;
  const Status status = take(path, &lock);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status, path);
    return {};
  }
  return Napi::Number::New(info.Env(), static_cast<double>(Environment::Of(info.Env()).Own(std::move(lock))));
}

Napi::Value IsLocked(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadPath(info, 0, "path", &path)) return {};
  bool is_locked = false;
  const Status status = IsFileLocked(path, &is_locked);
  if (status.Ok()) return Napi::Boolean::New(info.Env(), is_locked);
  ThrowStatus(info.Env(), status, path);
  return {};
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

#ifdef _WIN32
// Systems without file modes have access lists.
Napi::Value FileAccess(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadPath(info, 0, "path", &path)) return {};
  ObjectAccess access;
  const Status status = ReadFileAccess(path, &access);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status, path);
    return {};
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("owner", access.owner);
  result.Set("isOwn", access.is_own_or_administered);
  result.Set("writer", access.writer);
  return result;
}

void MakeDirectory(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadPath(info, 0, "path", &path)) return;
  const Status status = MakePrivateDirectory(path);
  if (!status.Ok()) ThrowStatus(info.Env(), status, path);
}
#endif

}  // namespace

void ExportNames(Napi::Env env, Napi::Object exports) {
  exports.Set("lockDirectory", Napi::Function::New<Lock<LockDirectory>>(env, "lockDirectory"));
  exports.Set("lockFile", Napi::Function::New<Lock<LockFile>>(env, "lockFile"));
  exports.Set("isFileLocked", Napi::Function::New<IsLocked>(env, "isFileLocked"));
  exports.Set("removeAtExit", Napi::Function::New<RemoveAtExit>(env, "removeAtExit"));
  exports.Set("forgetAtExit", Napi::Function::New<ForgetAtExit>(env, "forgetAtExit"));
#ifdef _WIN32
  exports.Set("fileAccess", Napi::Function::New<FileAccess>(env, "fileAccess"));
  exports.Set("makePrivateDirectory", Napi::Function::New<MakeDirectory>(env, "makePrivateDirectory"));
#endif
}

}  // namespace entropynet
