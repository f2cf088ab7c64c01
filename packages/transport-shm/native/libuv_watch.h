#ifndef ENTROPYNET_LIBUV_WATCH_H_
#define ENTROPYNET_LIBUV_WATCH_H_

#include <memory>

#include <napi.h>

#include "libuv.h"
#include "open_handles.h"
#include "platform/local_socket.h"
#include "platform/status.h"
#include "socket_watch.h"
#include "watch_listener.h"

namespace entropynet {

// A watch in the event loop of Node.js itself. JS thread only.
class LibuvWatch final : public SocketWatch {
 public:
  // As SocketWatch::Start.
  static Status Start(Napi::Object receiver, LocalSocket* socket, Napi::Function listener,
                      SocketWatchPointer* started);

  void KeepLoopAlive(bool keep) override;

 private:
  LibuvWatch(std::shared_ptr<OpenHandles> handles, LocalSocket* socket);
  ~LibuvWatch() override = default;

  Status Open(uv_loop_t* loop);
  void Close() override;
  uv_handle_t* Handle() { return reinterpret_cast<uv_handle_t*>(&handle_); }
  static void OnPoll(uv_poll_t* poll, int status, int events);
  static void OnReadable(uv_handle_t* handle);

  // The event loop owns it until its close callback. A poll handle, or an async handle if the platform
  // reports readiness from its own thread.
  uv_any_handle handle_;
  const std::shared_ptr<OpenHandles> handles_;
  // Null after the stop.
  LocalSocket* socket_;
  // Shared with a running call, which may stop the watch.
  std::shared_ptr<WatchListener> listener_;
};

}  // namespace entropynet

#endif  // ENTROPYNET_LIBUV_WATCH_H_
