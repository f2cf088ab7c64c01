#include "watch_listener.h"

#include <utility>

namespace entropynet {

WatchListener::WatchListener(Napi::Object receiver, Napi::Function function,
                             std::unique_ptr<Napi::AsyncContext> context)
    : receiver_(Napi::Persistent(receiver)),
      function_(Napi::Persistent(function)),
      context_(std::move(context)) {}

void WatchListener::Call() {
  const Napi::Env env = function_.Env();
  const Napi::HandleScope scope(env);
  const napi_value receiver = receiver_.Value();
  const napi_value function = function_.Value();
  const napi_status status = context_ != nullptr
                                 ? napi_make_callback(env, *context_, receiver, function, 0, nullptr, nullptr)
                                 : napi_call_function(env, receiver, function, 0, nullptr, nullptr);
  if (status == napi_ok) return;
  // If the environment is being terminated and did not run the function, no exception is pending.
  bool pending = false;
  napi_value exception;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(env, &exception) != napi_ok) return;
  static_cast<void>(napi_fatal_exception(env, exception));
}

}  // namespace entropynet
