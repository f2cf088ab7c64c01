#ifndef ENTROPYNET_WAKE_H_
#define ENTROPYNET_WAKE_H_

#include <napi.h>

namespace entropynet {

// How a watch learns that a socket is readable.
enum class Wake {
  // The event loop of Node.js polls the socket.
  kEventLoop,
  // A thread of the addon polls it and calls by a thread-safe function: Node-API is all it needs.
  kThread,
};

/*
 * Whether the event loop of this runtime is libuv's. Bun and Deno say so of themselves, hand out a pointer as
 * the loop, and crash at its first use; so this asks which runtime it is and believes no function.
 */
bool HasLibuv(Napi::Env env);

}  // namespace entropynet

#endif  // ENTROPYNET_WAKE_H_
