#ifndef ENTROPYNET_WATCH_LISTENER_H_
#define ENTROPYNET_WATCH_LISTENER_H_

#include <memory>

#include <napi.h>

namespace entropynet {

/*
 * The JavaScript side of a watch: a function and its `this`. A watch shares it with a running call, because
 * the function may stop the watch. JS thread only.
 */
class WatchListener {
 public:
  /*
   * `context` is for callers outside of any call of the runtime: microtasks run after the call. It is null if
   * the runtime made the call, because the runtime then runs them.
   */
  WatchListener(Napi::Object receiver, Napi::Function function, std::unique_ptr<Napi::AsyncContext> context);

  WatchListener(const WatchListener&) = delete;
  WatchListener& operator=(const WatchListener&) = delete;

  // Calls the function. An exception of it is an uncaught exception.
  void Call();

 private:
  Napi::ObjectReference receiver_;
  Napi::FunctionReference function_;
  std::unique_ptr<Napi::AsyncContext> context_;
};

}  // namespace entropynet

#endif  // ENTROPYNET_WATCH_LISTENER_H_
