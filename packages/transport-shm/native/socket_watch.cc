#include "socket_watch.h"

#include <utility>

namespace entropynet {
namespace {

constexpr int kPollEvents = UV_READABLE | UV_DISCONNECT;

}  // namespace

void StopWatching::operator()(SocketWatch* watch) const { watch->Close(); }

SocketWatch::Listener::Listener(Napi::Object receiver_object, Napi::Function listener_function)
    : receiver(Napi::Persistent(receiver_object)),
      function(Napi::Persistent(listener_function)),
      context(receiver_object.Env(), "EntropyNetLocalSocket", receiver_object) {}

void SocketWatch::Listener::Call() {
  const Napi::Env env = function.Env();
  const napi_status status =
      napi_make_callback(env, context, receiver.Value(), function.Value(), 0, nullptr, nullptr);
  if (status == napi_ok) return;
  // Nothing is pending when the environment is being terminated and did not run the function.
  bool pending = false;
  napi_value exception;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(env, &exception) != napi_ok) return;
  static_cast<void>(napi_fatal_exception(env, exception));
}

SocketWatch::SocketWatch(std::shared_ptr<OpenHandles> handles, LocalSocket* socket)
    : handle_(), handles_(std::move(handles)), socket_(socket) {}

Status SocketWatch::Start(Napi::Object receiver, LocalSocket* socket, Napi::Function listener,
                          SocketWatchPointer* started) {
  const Napi::Env env = receiver.Env();
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return {kErrorUnsupported, "napi_get_uv_event_loop"};
  auto* watch = new SocketWatch(Environment::Of(env).Handles(), socket);
  const Status status = watch->Open(loop);
  if (!status.Ok()) return status;
  watch->listener_.reset(new Listener(receiver, listener));
  started->reset(watch);
  return {};
}

// Frees this object, at once or by way of the event loop, when it fails.
Status SocketWatch::Open(uv_loop_t* loop) {
  const bool pollable = socket_->IsPollable();
  int error = 0;
  if (pollable) {
    error = uv_poll_init(loop, &handle_.poll, static_cast<int>(socket_->Get()));
  } else {
    error = uv_async_init(loop, &handle_.async,
                          [](uv_async_t* async) { OnReadable(reinterpret_cast<uv_handle_t*>(async)); });
  }
  if (error != 0) {
    delete this;
    return {error, pollable ? "uv_poll_init" : "uv_async_init"};
  }
  Handle()->data = this;
  handles_->Opened();
  Status status;
  if (pollable) {
    error = uv_poll_start(&handle_.poll, kPollEvents, OnPoll);
    if (error != 0) status = {error, "uv_poll_start"};
  } else {
    const auto notify = [](void* async) { uv_async_send(static_cast<uv_async_t*>(async)); };
    status = socket_->StartNotifying(notify, &handle_.async);
  }
  if (!status.Ok()) Close();
  return status;
}

void SocketWatch::Close() {
  // No thread of the platform may touch the handle once it is closing.
  socket_->StopNotifying();
  socket_ = nullptr;
  // Now and not in the close callback: at the end of the environment that comes too late for references.
  listener_.reset();
  // From here on the loop has forgotten the descriptor, so that it may be closed, but still uses the
  // handle's memory until the callback.
  uv_close(Handle(), [](uv_handle_t* handle) {
    auto* watch = static_cast<SocketWatch*>(handle->data);
    const std::shared_ptr<OpenHandles> handles = watch->handles_;
    delete watch;
    // Last: this may let the environment go.
    handles->Closed();
  });
}

void SocketWatch::KeepLoopAlive(bool keep) {
  if (keep) {
    uv_ref(Handle());
  } else {
    uv_unref(Handle());
  }
}

void SocketWatch::OnPoll(uv_poll_t* poll, int status, int) {
  // libuv stops to watch after an error, such as a peer that closed with bytes of ours unread, although
  // there may be more to read than one call of the listener takes.
  if (status < 0) static_cast<void>(uv_poll_start(poll, kPollEvents, OnPoll));
  OnReadable(reinterpret_cast<uv_handle_t*>(poll));
}

void SocketWatch::OnReadable(uv_handle_t* handle) {
  // The function may stop the watch, so nothing of it is used after the call.
  const std::shared_ptr<Listener> listener = static_cast<SocketWatch*>(handle->data)->listener_;
  if (listener == nullptr) return;
  const Napi::HandleScope scope(listener->function.Env());
  listener->Call();
}

}  // namespace entropynet
