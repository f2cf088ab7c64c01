#include "environment.h"

#include <utility>

#include "napi_local_socket.h"
#include "platform/mapping.h"
#include "region.h"

namespace entropynet {

void Environment::Install(Napi::Env env) {
  auto* environment = new Environment();
  env.SetInstanceData(environment);
  if (HasLibuv(env)) {
    environment->wake = Wake::kEventLoop;
    // An asynchronous hook, because closing a libuv handle takes one more turn of the loop.
    static_cast<void>(napi_add_async_cleanup_hook(env, TearDown, environment, nullptr));
    return;
  }
  // Deno 2.9 frees an asynchronous hook twice if the hook removes itself.
  const auto close = [](void* data) { static_cast<Environment*>(data)->CloseEverything(); };
  static_cast<void>(napi_add_env_cleanup_hook(env, close, environment));
}

Environment::~Environment() {
  for (const auto& [address, region] : regions_) region->environment = nullptr;
}

void Environment::TearDown(napi_async_cleanup_hook_handle hook, void* data) {
  auto* environment = static_cast<Environment*>(data);
  const std::shared_ptr<OpenHandles> handles = environment->handles_;
  environment->CloseEverything();
  // This comes last, because it may free the environment.
  handles->FinishWhenNone(hook);
}

void Environment::CloseEverything() {
  // The names go before their sockets, so that a new client finds no server instead of a dead one.
  RemoveNames();
  // A socket removes itself from the list when it closes.
  while (!sockets_.empty()) (*sockets_.begin())->CloseNow();
  // Directory locks are among these. A process that waits for one finds everything else removed.
  const std::set<Descriptor> closing = std::move(descriptors_);
  descriptors_.clear();
  for (const Descriptor descriptor : closing) static_cast<void>(Close(descriptor));
  // The finalizers free the regions. The runtime detaches the remaining ArrayBuffers before it runs them;
  // unmapping here could take the memory from a view.
}

void Environment::RemoveNames() {
  const std::map<std::string, FileIdentity> removing = std::move(names_);
  names_.clear();
  for (const auto& [path, identity] : removing) RemoveFileIfSame(path, identity);
}

Descriptor Environment::Own(OwnedDescriptor descriptor) {
  descriptors_.insert(descriptor.Get());
  return descriptor.Release();
}

Descriptor Environment::OwnPassed(OwnedDescriptor descriptor) {
  passed_.insert(descriptor.Get());
  return Own(std::move(descriptor));
}

Status Environment::CloseOwned(Descriptor descriptor) {
  if (descriptors_.erase(descriptor) == 0) return {kErrorClosed, "close"};
  return Close(descriptor);
}

Status Environment::Close(Descriptor descriptor) {
  const bool was_passed = passed_.erase(descriptor) != 0;
  if (!was_passed || IsMemory(descriptor)) return CloseDescriptor(descriptor);
  CloseElsewhere(OwnedDescriptor(descriptor));
  return {};
}

Status Environment::RemoveAtExit(Napi::Env env, const std::string& path) {
  FileIdentity identity;
  const Status status = IdentifyFile(path, &identity);
  if (!status.Ok()) return status;
  names_[path] = identity;
  if (listens_for_exit_) return {};
  listens_for_exit_ = true;
  // process.exit() and an uncaught exception end the main thread without its cleanup hooks, and only the
  // names outlive a process. Both emit 'exit'.
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return {};
  const Napi::Value once = process.As<Napi::Object>().Get("once");
  if (!once.IsFunction()) return {};
  const auto remove = [](const Napi::CallbackInfo& info) { Environment::Of(info.Env()).RemoveNames(); };
  once.As<Napi::Function>().Call(
      process, {Napi::String::New(env, "exit"), Napi::Function::New(env, remove, "removeNamesAtExit")});
  return {};
}

}  // namespace entropynet
