#ifndef ENTROPYNET_WAKE_H_
#define ENTROPYNET_WAKE_H_

#include <napi.h>

namespace entropynet {

// The mechanism by which a watch learns that a socket is readable.
enum class Wake {
  // The event loop of Node.js polls the socket.
  kEventLoop,
  // A thread of the addon polls the socket and calls a thread-safe function. It only needs Node-API.
  kThread,
};

/*
 * Returns whether the event loop of this runtime is libuv's. Bun and Deno claim that it is, return a pointer
 * as the loop, and crash at its first use. So this asks for the name of the runtime.
 */
bool HasLibuv(Napi::Env env);

}  // namespace entropynet

#endif  // ENTROPYNET_WAKE_H_
