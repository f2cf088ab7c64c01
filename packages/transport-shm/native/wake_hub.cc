#include "wake_hub.h"

#include <utility>

#include "environment.h"
#include "thread_watch.h"

namespace entropynet {

Status WakeHub::Of(Napi::Env env, std::shared_ptr<WakeHub>* hub) {
  std::shared_ptr<WakeHub>& own = Environment::Of(env).wake_hub;
  if (own == nullptr) {
    std::shared_ptr<WakeHub> made(new WakeHub(env));
    const Status status = made->Start(made);
    if (!status.Ok()) return status;
    own = std::move(made);
  }
  *hub = own;
  return {};
}

Status WakeHub::Start(const std::shared_ptr<WakeHub>& self) {
  // The function's calls hold the hub, until the runtime has released the function.
  auto* holder = new std::shared_ptr<WakeHub>(self);
  const auto release = [](napi_env, void* held, void*) {
    delete static_cast<std::shared_ptr<WakeHub>*>(held);
  };
  const Napi::String name = Napi::String::New(env_, "EntropyNetWake");
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, holder, release, holder, OnPosted,
                                      &function_) != napi_ok) {
    delete holder;
    return {kErrorUnsupported, "napi_create_threadsafe_function"};
  }
  static_cast<void>(napi_unref_threadsafe_function(env_, function_));
  const auto notify = [](void* hub, std::uintptr_t key) { static_cast<WakeHub*>(hub)->Post(key); };
  const Status status = Readiness::Start(notify, this, &readiness_);
  if (!status.Ok()) {
    Stop();
    return status;
  }
  // This comes after the function was made, because hooks run in reverse order: the runtime frees the
  // function in its own hook, and the thread must have ended by then.
  const auto stop = [](void* data) {
    const std::unique_ptr<std::weak_ptr<WakeHub>> hub(static_cast<std::weak_ptr<WakeHub>*>(data));
    if (const std::shared_ptr<WakeHub> stopping = hub->lock()) stopping->Stop();
  };
  static_cast<void>(napi_add_env_cleanup_hook(env_, stop, new std::weak_ptr<WakeHub>(self)));
  return {};
}

void WakeHub::Add(ThreadWatch* watch, std::uintptr_t* key) {
  *key = ++last_key_;
  watches_[*key] = watch;
}

void WakeHub::Remove(std::uintptr_t key) { watches_.erase(key); }

void WakeHub::Keep(bool keep) {
  if (keep) {
    kept_++;
  } else {
    kept_--;
  }
  if (function_ == nullptr) return;
  if (keep && kept_ == 1) static_cast<void>(napi_ref_threadsafe_function(env_, function_));
  if (!keep && kept_ == 0) static_cast<void>(napi_unref_threadsafe_function(env_, function_));
}

void WakeHub::Post(std::uintptr_t key) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (function_ == nullptr) return;
  // The queue can't be full, because it has no limit. A watch has only a few calls under way.
  static_cast<void>(
      napi_call_threadsafe_function(function_, reinterpret_cast<void*>(key), napi_tsfn_nonblocking));
}

void WakeHub::OnPosted(napi_env env, napi_value, void* context, void* key) {
  // Null while the environment ends.
  if (env == nullptr) return;
  const std::shared_ptr<WakeHub> hub = *static_cast<std::shared_ptr<WakeHub>*>(context);
  const auto found = hub->watches_.find(reinterpret_cast<std::uintptr_t>(key));
  // The watch may have been stopped since.
  if (found != hub->watches_.end()) found->second->OnReady();
}

void WakeHub::Stop() {
  napi_threadsafe_function function = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::swap(function, function_);
  }
  // The mutex must be free here, because the thread may be about to post.
  readiness_.reset();
  if (function != nullptr) static_cast<void>(napi_release_threadsafe_function(function, napi_tsfn_abort));
}

}  // namespace entropynet
