#ifndef ENTROPYNET_THREAD_WATCH_H_
#define ENTROPYNET_THREAD_WATCH_H_

#include <cstdint>
#include <memory>

#include <napi.h>

#include "platform/local_socket.h"
#include "platform/status.h"
#include "socket_watch.h"
#include "wake_hub.h"
#include "watch_listener.h"

namespace entropynet {

/*
 * A watch for runtimes without libuv. Another thread waits until the socket is readable, and the JS thread
 * then calls the listener. The thread waits again only after the listener has run. JS thread only.
 */
class ThreadWatch final : public SocketWatch {
 public:
  // As SocketWatch::Start.
  static Status Start(Napi::Object receiver, LocalSocket* socket, Napi::Function listener,
                      SocketWatchPointer* started);

  void KeepLoopAlive(bool keep) override;

  // For the hub: calls the listener, which may stop the watch.
  void OnReady();

 private:
  ThreadWatch(std::shared_ptr<WakeHub> hub, LocalSocket* socket);
  ~ThreadWatch() override = default;

  Status Open();
  void Close() override;

  const std::shared_ptr<WakeHub> hub_;
  LocalSocket* const socket_;
  std::shared_ptr<WatchListener> listener_;
  // Never 0.
  std::uintptr_t key_ = 0;
  bool keeps_ = false;
};

}  // namespace entropynet

#endif  // ENTROPYNET_THREAD_WATCH_H_
