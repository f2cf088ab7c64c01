#include "napi_local_socket.h"

#include <string>
#include <utility>
#include <vector>

#include "environment.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "wrap_argument.h"

namespace entropynet {
namespace {

constexpr double kMaxBacklog = 65535;

constexpr napi_type_tag kContentTag = {0x0c1b3f5a6e2d4978, 0x8a51c07be93f4d26};

void ThrowPathStatus(Napi::Env env, const Status& status, const std::string& path) {
  std::string note;
  if (status.error == kErrorNameTooLong) {
    note = "at most " + std::to_string(LocalSocket::MaxPathBytes()) + " bytes, got " +
           std::to_string(path.size());
  }
  ThrowStatus(env, status, path, note);
}

}  // namespace

void NapiLocalSocket::Export(Napi::Env env, Napi::Object exports) {
  const Napi::Function local_socket =
      DefineClass(env, "LocalSocket",
                  {
                      StaticMethod<&NapiLocalSocket::Listen>("listen"),
                      StaticMethod<&NapiLocalSocket::Connect>("connect"),
                      InstanceMethod<&NapiLocalSocket::Accept>("accept"),
                      InstanceMethod<&NapiLocalSocket::Peer>("peerCredentials"),
#ifndef _WIN32
                      InstanceMethod<&NapiLocalSocket::PeerGroups>("peerGroups"),
#endif
                      InstanceMethod<&NapiLocalSocket::Send>("send"),
                      InstanceMethod<&NapiLocalSocket::Receive>("receive"),
                      InstanceMethod<&NapiLocalSocket::Ring>("ring"),
                      InstanceMethod<&NapiLocalSocket::ConsumeRings>("consumeRings"),
                      InstanceMethod<&NapiLocalSocket::Watch>("watch"),
                      InstanceMethod<&NapiLocalSocket::Unwatch>("unwatch"),
                      InstanceMethod<&NapiLocalSocket::Ref>("ref"),
                      InstanceMethod<&NapiLocalSocket::Unref>("unref"),
                      InstanceMethod<&NapiLocalSocket::Close>("close"),
                      InstanceAccessor<&NapiLocalSocket::GetDescriptor>("descriptor"),
                  });
  Environment::Of(env).local_socket_class = Napi::Persistent(local_socket);
  exports.Set("LocalSocket", local_socket);
}

NapiLocalSocket::NapiLocalSocket(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NapiLocalSocket>(info), socket_(TakeContent<LocalSocket>(info, kContentTag)) {
  if (socket_ == nullptr) {
    ThrowTypeError(info.Env(),
                   "LocalSocket must be made by LocalSocket.listen or LocalSocket.connect, got new");
    return;
  }
  environment_ = &Environment::Of(info.Env());
  environment_->AddSocket(this);
}

NapiLocalSocket::~NapiLocalSocket() { CloseNow(); }

void NapiLocalSocket::CloseNow() {
  // The loop must stop using the descriptor before it is closed. The next descriptor of the process gets the
  // same number, and the loop would report that one's readiness here.
  watch_.reset();
  socket_.reset();
  if (environment_ != nullptr) environment_->RemoveSocket(this);
  environment_ = nullptr;
}

Napi::Value NapiLocalSocket::Wrap(Napi::Env env, std::unique_ptr<LocalSocket> socket) {
  return WrapContent(env, Environment::Of(env).local_socket_class, kContentTag, std::move(socket));
}

Napi::Value NapiLocalSocket::Listen(const Napi::CallbackInfo& info) {
  std::string path;
  double backlog;
  if (!ReadPath(info, 0, "path", &path)) return {};
  if (!ReadInteger(info, 1, "backlog", 1, kMaxBacklog, &backlog)) return {};
  std::unique_ptr<LocalSocket> socket;
  const Status status = LocalSocket::Listen(path, static_cast<int>(backlog), &socket);
  if (status.Ok()) return Wrap(info.Env(), std::move(socket));
  ThrowPathStatus(info.Env(), status, path);
  return {};
}

Napi::Value NapiLocalSocket::Connect(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadPath(info, 0, "path", &path)) return {};
  std::unique_ptr<LocalSocket> socket;
  const Status status = LocalSocket::Connect(path, &socket);
  if (status.Ok()) return Wrap(info.Env(), std::move(socket));
  ThrowPathStatus(info.Env(), status, path);
  return {};
}

bool NapiLocalSocket::RequireOpen(Napi::Env env, const char* syscall) {
  if (socket_ != nullptr) return true;
  ThrowStatus(env, {kErrorClosed, syscall});
  return false;
}

Napi::Value NapiLocalSocket::Accept(const Napi::CallbackInfo& info) {
  if (!RequireOpen(info.Env(), "accept")) return {};
  std::unique_ptr<LocalSocket> accepted;
  const Status status = socket_->Accept(&accepted);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  if (accepted == nullptr) return info.Env().Null();
  return Wrap(info.Env(), std::move(accepted));
}

Napi::Value NapiLocalSocket::Peer(const Napi::CallbackInfo& info) {
  if (!RequireOpen(info.Env(), "getsockopt")) return {};
  PeerCredentials credentials;
  const Status status = socket_->Peer(&credentials);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("processId", static_cast<double>(credentials.process_id));
  result.Set("userId", static_cast<double>(credentials.user_id));
  result.Set("groupId", static_cast<double>(credentials.group_id));
#ifdef _WIN32
  result.Set("isSameUser", credentials.is_same_user);
#endif
  return result;
}

#ifndef _WIN32
Napi::Value NapiLocalSocket::PeerGroups(const Napi::CallbackInfo& info) {
  if (!RequireOpen(info.Env(), "getsockopt")) return {};
  std::vector<std::uint32_t> groups;
  const Status status = socket_->PeerGroups(&groups);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  Napi::Array result = Napi::Array::New(info.Env(), groups.size());
  for (std::size_t index = 0; index < groups.size(); index++)
    result.Set(static_cast<std::uint32_t>(index), static_cast<double>(groups[index]));
  return result;
}
#endif

Napi::Value NapiLocalSocket::Send(const Napi::CallbackInfo& info) {
  if (!RequireOpen(info.Env(), "sendmsg")) return {};
  ByteView bytes;
  Descriptor passed = kNoDescriptor;
  if (!ReadBytes(info, 0, "bytes", &bytes)) return {};
  if (!info[1].IsUndefined() && !ReadDescriptor(info, 1, "descriptor", &passed)) return {};
  std::size_t sent = 0;
  const Status status = socket_->Send(bytes.data, bytes.size, passed, &sent);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  return Napi::Number::New(info.Env(), static_cast<double>(sent));
}

Napi::Value NapiLocalSocket::Receive(const Napi::CallbackInfo& info) {
  if (!RequireOpen(info.Env(), "recvmsg")) return {};
  ByteView into;
  if (!ReadBytes(info, 0, "into", &into)) return {};
  ReceivedBytes received;
  const Status status = socket_->Receive(into.data, into.size, &received);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  Descriptor descriptor = kNoDescriptor;
  if (received.descriptor.IsOpen())
    descriptor = Environment::Of(info.Env()).OwnPassed(std::move(received.descriptor));
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("bytes", static_cast<double>(received.bytes));
  result.Set("ended", received.ended);
  result.Set("descriptor", static_cast<double>(descriptor));
  result.Set("descriptorLost", received.descriptor_lost);
  return result;
}

void NapiLocalSocket::Ring(const Napi::CallbackInfo& info) {
  if (RequireOpen(info.Env(), "sendmsg")) socket_->Ring();
}

Napi::Value NapiLocalSocket::ConsumeRings(const Napi::CallbackInfo& info) {
  if (!RequireOpen(info.Env(), "recvmsg")) return {};
  bool ended = false;
  const Status status = socket_->Discard(&ended);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  return Napi::Boolean::New(info.Env(), ended);
}

void NapiLocalSocket::Watch(const Napi::CallbackInfo& info) {
  if (!RequireOpen(info.Env(), "watch")) return;
  Napi::Function listener;
  if (!ReadFunction(info, 0, "callback", &listener)) return;
  Status status{kErrorAlreadyStarted, "watch"};
  if (watch_ == nullptr)
    status = SocketWatch::Start(info.This().As<Napi::Object>(), socket_.get(), listener, &watch_);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return;
  }
  watch_->KeepLoopAlive(keeps_loop_alive_);
}

void NapiLocalSocket::Unwatch(const Napi::CallbackInfo&) { watch_.reset(); }

void NapiLocalSocket::Ref(const Napi::CallbackInfo&) {
  keeps_loop_alive_ = true;
  if (watch_ != nullptr) watch_->KeepLoopAlive(true);
}

void NapiLocalSocket::Unref(const Napi::CallbackInfo&) {
  keeps_loop_alive_ = false;
  if (watch_ != nullptr) watch_->KeepLoopAlive(false);
}

void NapiLocalSocket::Close(const Napi::CallbackInfo&) { CloseNow(); }

Napi::Value NapiLocalSocket::GetDescriptor(const Napi::CallbackInfo& info) {
  const Descriptor descriptor = socket_ == nullptr ? kNoDescriptor : socket_->Get();
  return Napi::Number::New(info.Env(), static_cast<double>(descriptor));
}

}  // namespace entropynet
