#ifndef ENTROPYNET_WATCH_LISTENER_H_
#define ENTROPYNET_WATCH_LISTENER_H_

#include <memory>

#include <napi.h>

namespace entropynet {

/*
 * The JavaScript side of a watch: a function and its `this`. A watch shares it with a call that is under way,
 * because the function may stop the watch. JS thread only.
 */
class WatchListener {
 public:
  /*
   * `context` is for callers with nothing of the runtime above them: microtasks run after the call. It is
   * null where the runtime itself made the call and does that.
   */
  WatchListener(Napi::Object receiver, Napi::Function function, std::unique_ptr<Napi::AsyncContext> context);

  WatchListener(const WatchListener&) = delete;
  WatchListener& operator=(const WatchListener&) = delete;

  // Calls the function. What it throws is an uncaught exception.
  void Call();

 private:
  Napi::ObjectReference receiver_;
  Napi::FunctionReference function_;
  std::unique_ptr<Napi::AsyncContext> context_;
};

}  // namespace entropynet

#endif  // ENTROPYNET_WATCH_LISTENER_H_
