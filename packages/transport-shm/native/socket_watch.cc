#include "socket_watch.h"

#include "environment.h"
#include "libuv_watch.h"
#include "thread_watch.h"

namespace entropynet {

void StopWatching::operator()(SocketWatch* watch) const { watch->Close(); }

Status SocketWatch::Start(Napi::Object receiver, LocalSocket* socket, Napi::Function listener,
                          SocketWatchPointer* started) {
  if (Environment::Of(receiver.Env()).wake == Wake::kEventLoop)
    return LibuvWatch::Start(receiver, socket, listener, started);
  return ThreadWatch::Start(receiver, socket, listener, started);
}

}  // namespace entropynet
