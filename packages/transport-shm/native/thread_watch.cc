#include "thread_watch.h"

#include <utility>

namespace entropynet {

ThreadWatch::ThreadWatch(std::shared_ptr<WakeHub> hub, LocalSocket* socket)
    : hub_(std::move(hub)), socket_(socket) {
  hub_->Add(this, &key_);
}

Status ThreadWatch::Start(Napi::Object receiver, LocalSocket* socket, Napi::Function listener,
                          SocketWatchPointer* started) {
  std::shared_ptr<WakeHub> hub;
  if (const Status status = WakeHub::Of(receiver.Env(), &hub); !status.Ok()) return status;
  SocketWatchPointer pointer;
  auto* watch = new ThreadWatch(std::move(hub), socket);
  pointer.reset(watch);
  // The runtime makes the call of the thread-safe function, and runs microtasks afterwards.
  watch->listener_.reset(new WatchListener(receiver, listener, nullptr));
  const Status status = watch->Open();
  if (status.Ok()) *started = std::move(pointer);
  return status;
}

Status ThreadWatch::Open() {
  if (socket_->IsPollable()) {
    Readiness* const poller = hub_->Poller();
    if (poller == nullptr) return {kErrorClosed, "watch"};
    return poller->Add(socket_->Get(), key_);
  }
  const auto notify = [](void* data) {
    const auto* watch = static_cast<ThreadWatch*>(data);
    watch->hub_->Post(watch->key_);
  };
  return socket_->StartNotifying(notify, this);
}

void ThreadWatch::Close() {
  // From here on no other thread uses the socket.
  if (!socket_->IsPollable()) {
    socket_->StopNotifying();
  } else if (Readiness* const poller = hub_->Poller()) {
    poller->Remove(socket_->Get());
  }
  KeepLoopAlive(false);
  hub_->Remove(key_);
  delete this;
}

void ThreadWatch::KeepLoopAlive(bool keep) {
  if (keeps_ == keep) return;
  keeps_ = keep;
  hub_->Keep(keep);
}

void ThreadWatch::OnReady() {
  const std::shared_ptr<WakeHub> hub = hub_;
  const std::uintptr_t key = key_;
  const std::shared_ptr<WatchListener> listener = listener_;
  listener->Call();
  // The listener may have stopped this watch. Then the object does not exist any more.
  if (!hub->IsWatched(key) || !socket_->IsPollable()) return;
  if (Readiness* const poller = hub->Poller()) poller->Rearm(socket_->Get(), key);
}

}  // namespace entropynet
