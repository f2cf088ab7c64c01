#ifndef ENTROPYNET_WAKE_HUB_H_
#define ENTROPYNET_WAKE_HUB_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <napi.h>

#include "platform/readiness.h"
#include "platform/status.h"

namespace entropynet {

class ThreadWatch;

/*
 * Passes readiness from other threads to the watches of one environment. It has one thread that polls, and
 * one thread-safe function. The first watch makes it. The environment and each watch share it. JS thread
 * only, except Post.
 */
class WakeHub {
 public:
  // Returns the hub of `env`. Makes it if there is none.
  static Status Of(Napi::Env env, std::shared_ptr<WakeHub>* hub);

  WakeHub(const WakeHub&) = delete;
  WakeHub& operator=(const WakeHub&) = delete;
  ~WakeHub() { Stop(); }

  // Lists `watch` until Remove, and sets `key` to its number. No other watch ever gets that number.
  void Add(ThreadWatch* watch, std::uintptr_t* key);
  void Remove(std::uintptr_t key);
  bool IsWatched(std::uintptr_t key) const { return watches_.find(key) != watches_.end(); }

  // Counts one more watch, or one less, that keeps the event loop running.
  void Keep(bool keep);

  // The thread that polls; null after Stop.
  Readiness* Poller() { return readiness_.get(); }

  // Makes the JS thread call the watch of that number. Any thread.
  void Post(std::uintptr_t key);

  // Ends the thread and releases the thread-safe function. No call is posted any more. Idempotent.
  void Stop();

 private:
  explicit WakeHub(napi_env env) : env_(env) {}

  Status Start(const std::shared_ptr<WakeHub>& self);
  static void OnPosted(napi_env env, napi_value function, void* context, void* key);

  const napi_env env_;
  std::unique_ptr<Readiness> readiness_;
  std::unordered_map<std::uintptr_t, ThreadWatch*> watches_;
  std::uintptr_t last_key_ = 0;
  std::size_t kept_ = 0;
  // Protects the function, which is null before the start and after Stop.
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
};

}  // namespace entropynet

#endif  // ENTROPYNET_WAKE_HUB_H_
