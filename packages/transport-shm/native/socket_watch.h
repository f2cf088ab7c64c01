#ifndef ENTROPYNET_SOCKET_WATCH_H_
#define ENTROPYNET_SOCKET_WATCH_H_

#include <memory>

#include <napi.h>

#include "platform/local_socket.h"
#include "platform/status.h"

namespace entropynet {

class SocketWatch;

struct StopWatching {
  void operator()(SocketWatch* watch) const;
};

// Destroying it stops the watch. The event loop may free the memory in a later turn.
using SocketWatchPointer = std::unique_ptr<SocketWatch, StopWatching>;

/*
 * Calls a JavaScript function whenever a socket is readable or its peer has gone. Keeps the JavaScript object
 * of the socket alive meanwhile. JS thread only.
 */
class SocketWatch {
 public:
  /*
   * Watches `socket`, which must stay open until the watch is stopped. It calls `listener` with `receiver` as
   * its `this`. An exception of it is an uncaught exception. The environment chooses the kind of the watch.
   */
  static Status Start(Napi::Object receiver, LocalSocket* socket, Napi::Function listener,
                      SocketWatchPointer* started);

  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  // Sets whether the watch keeps the event loop running.
  virtual void KeepLoopAlive(bool keep) = 0;

 protected:
  SocketWatch() = default;
  virtual ~SocketWatch() = default;

 private:
  friend struct StopWatching;

  // Stops the watch and frees it, now or later. The caller may close the socket at once.
  virtual void Close() = 0;
};

}  // namespace entropynet

#endif  // ENTROPYNET_SOCKET_WATCH_H_
