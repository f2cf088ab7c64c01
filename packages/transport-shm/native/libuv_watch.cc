#include "libuv_watch.h"

#include <utility>

#include "environment.h"

namespace entropynet {
namespace {

constexpr int kPollEvents = UV_READABLE | UV_DISCONNECT;

}  // namespace

LibuvWatch::LibuvWatch(std::shared_ptr<OpenHandles> handles, LocalSocket* socket)
    : handle_(), handles_(std::move(handles)), socket_(socket) {}

Status LibuvWatch::Start(Napi::Object receiver, LocalSocket* socket, Napi::Function listener,
                         SocketWatchPointer* started) {
  const Napi::Env env = receiver.Env();
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return {kErrorUnsupported, "napi_get_uv_event_loop"};
  auto* watch = new LibuvWatch(Environment::Of(env).Handles(), socket);
  const Status status = watch->Open(loop);
  if (!status.Ok()) return status;
  // libuv calls outside of any call of Node.js.
  auto context = std::make_unique<Napi::AsyncContext>(env, "EntropyNetLocalSocket", receiver);
  watch->listener_.reset(new WatchListener(receiver, listener, std::move(context)));
  started->reset(watch);
  return {};
}

// Frees this object if it fails, at once or through the event loop.
Status LibuvWatch::Open(uv_loop_t* loop) {
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

void LibuvWatch::Close() {
  // No thread of the platform may use the handle once it is closing.
  socket_->StopNotifying();
  socket_ = nullptr;
  // The listener is freed now, not in the close callback: at the end of the environment that runs too late
  // for references.
  listener_.reset();
  // From here on the loop does not use the descriptor, so the caller may close it. The loop still uses the
  // handle's memory until the callback.
  uv_close(Handle(), [](uv_handle_t* handle) {
    auto* watch = static_cast<LibuvWatch*>(handle->data);
    const std::shared_ptr<OpenHandles> handles = watch->handles_;
    delete watch;
    // This comes last, because it may let the environment end.
    handles->Closed();
  });
}

void LibuvWatch::KeepLoopAlive(bool keep) {
  if (keep) {
    uv_ref(Handle());
  } else {
    uv_unref(Handle());
  }
}

void LibuvWatch::OnPoll(uv_poll_t* poll, int status, int) {
  // libuv stops watching after an error, such as a peer that closed with unread bytes of this side. There may
  // still be more to read than one call of the listener takes.
  if (status < 0) static_cast<void>(uv_poll_start(poll, kPollEvents, OnPoll));
  OnReadable(reinterpret_cast<uv_handle_t*>(poll));
}

void LibuvWatch::OnReadable(uv_handle_t* handle) {
  // The function may stop the watch, so this code uses nothing of it after the call.
  const std::shared_ptr<WatchListener> listener = static_cast<LibuvWatch*>(handle->data)->listener_;
  if (listener != nullptr) listener->Call();
}

}  // namespace entropynet
