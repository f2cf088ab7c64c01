#ifndef ENTROPYNET_NAPI_LOCAL_SOCKET_H_
#define ENTROPYNET_NAPI_LOCAL_SOCKET_H_

#include <memory>

#include <napi.h>

#include "environment.h"
#include "platform/local_socket.h"
#include "socket_watch.h"

namespace entropynet {

// The JavaScript class LocalSocket. JS thread only.
class NapiLocalSocket final : public Napi::ObjectWrap<NapiLocalSocket> {
 public:
  // Adds the class to `exports`.
  static void Export(Napi::Env env, Napi::Object exports);

  // For the class's `new`, which only Wrap may call.
  explicit NapiLocalSocket(const Napi::CallbackInfo& info);
  NapiLocalSocket(const NapiLocalSocket&) = delete;
  NapiLocalSocket& operator=(const NapiLocalSocket&) = delete;
  ~NapiLocalSocket() override;

  // Stops watching and closes the socket. Idempotent. The environment's teardown calls it, too.
  void CloseNow();

 private:
  static Napi::Value Listen(const Napi::CallbackInfo& info);
  static Napi::Value Connect(const Napi::CallbackInfo& info);

  // Makes the JavaScript object of `socket`.
  static Napi::Value Wrap(Napi::Env env, std::unique_ptr<LocalSocket> socket);

  Napi::Value Accept(const Napi::CallbackInfo& info);
  Napi::Value Peer(const Napi::CallbackInfo& info);
#ifndef _WIN32
  Napi::Value PeerGroups(const Napi::CallbackInfo& info);
#endif
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  void Ring(const Napi::CallbackInfo& info);
  Napi::Value ConsumeRings(const Napi::CallbackInfo& info);
  void Watch(const Napi::CallbackInfo& info);
  void Unwatch(const Napi::CallbackInfo& info);
  void Ref(const Napi::CallbackInfo& info);
  void Unref(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  Napi::Value GetDescriptor(const Napi::CallbackInfo& info);

  // Returns whether the socket is open. If not, EBADF of `syscall` is pending.
  bool RequireOpen(Napi::Env env, const char* syscall);

  // Null after the close. Declared before the watch, which is destroyed first: see CloseNow.
  std::unique_ptr<LocalSocket> socket_;
  SocketWatchPointer watch_;
  bool keeps_loop_alive_ = true;
  // Null while the socket is not on the environment's list of open sockets.
  Environment* environment_ = nullptr;
};

}  // namespace entropynet

#endif  // ENTROPYNET_NAPI_LOCAL_SOCKET_H_
