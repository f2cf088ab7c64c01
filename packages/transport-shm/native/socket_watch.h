#ifndef ENTROPYNET_SOCKET_WATCH_H_
#define ENTROPYNET_SOCKET_WATCH_H_

#include <memory>

#include <napi.h>
#include <uv.h>

#include "environment.h"
#include "platform/local_socket.h"
#include "platform/status.h"

namespace entropynet {

class SocketWatch;

struct StopWatching {
  void operator()(SocketWatch* watch) const;
};

// Destroying it stops the watch; libuv frees the rest in a later turn of the loop.
using SocketWatchPointer = std::unique_ptr<SocketWatch, StopWatching>;

/*
 * Calls a JavaScript function whenever a socket is readable or its peer is gone. Keeps the JavaScript
 * object of the socket alive meanwhile. JS thread only.
 */
class SocketWatch {
 public:
  /*
   * Watches `socket`, which must stay open until the watch is stopped. `listener` is called with
   * `receiver` as its `this`, microtasks run after it, and what it throws is an uncaught exception.
   */
  static Status Start(Napi::Object receiver, LocalSocket* socket, Napi::Function listener,
                      SocketWatchPointer* started);

  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  // Whether the watch alone keeps the event loop running.
  void KeepLoopAlive(bool keep);

 private:
  friend struct StopWatching;

  struct Listener {
    Listener(Napi::Object receiver, Napi::Function function);
    void Call();

    Napi::ObjectReference receiver;
    Napi::FunctionReference function;
    Napi::AsyncContext context;
  };

  SocketWatch(std::shared_ptr<OpenHandles> handles, LocalSocket* socket);
  ~SocketWatch() = default;

  Status Open(uv_loop_t* loop);
  void Close();
  uv_handle_t* Handle() { return reinterpret_cast<uv_handle_t*>(&handle_); }
  static void OnPoll(uv_poll_t* poll, int status, int events);
  static void OnReadable(uv_handle_t* handle);

  // Event loop's own until its close callback. A poll handle, or an async handle where the platform
  // tells of readiness from a thread of its own.
  uv_any_handle handle_;
  const std::shared_ptr<OpenHandles> handles_;
  // Null once stopped.
  LocalSocket* socket_;
  // Shared with a call that is under way, which may stop the watch.
  std::shared_ptr<Listener> listener_;
};

}  // namespace entropynet

#endif  // ENTROPYNET_SOCKET_WATCH_H_
