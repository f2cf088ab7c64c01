/*
 * The shortest addon that wakes another process's event loop: an eventfd, libuv's poll handle and one
 * callback of Node-API. The doorbell of a connection is compared with it. Linux only.
 *
 *   listen(path) -> descriptor      a local socket over which the eventfds go
 *   give(descriptor) -> [own, peer] waits for `take`, then makes two eventfds and sends them
 *   take(path) -> [own, peer]       the other side of `give`
 *   ring(peer)                      wakes the peer
 *   watch(own, callback)            calls back after each wake, as long as the process lives
 *
 * JS thread only. A failed system call throws an error with the call's name.
 */
#include <node_api.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace {

constexpr std::size_t kDescriptors = 2;

napi_value Fail(napi_env env, const char* call) {
  static_cast<void>(napi_throw_error(env, std::strerror(errno), call));
  return nullptr;
}

struct Arguments {
  Arguments(napi_env env, napi_callback_info info) {
    static_cast<void>(napi_get_cb_info(env, info, &count, values, nullptr, nullptr));
  }
  std::size_t count = 2;
  napi_value values[2] = {};
};

int DescriptorOf(napi_env env, napi_value value) {
  std::int32_t descriptor = -1;
  static_cast<void>(napi_get_value_int32(env, value, &descriptor));
  return descriptor;
}

napi_value NumberOf(napi_env env, int value) {
  napi_value number = nullptr;
  static_cast<void>(napi_create_int32(env, value, &number));
  return number;
}

napi_value PairOf(napi_env env, int own, int peer) {
  napi_value pair = nullptr;
  static_cast<void>(napi_create_array_with_length(env, kDescriptors, &pair));
  static_cast<void>(napi_set_element(env, pair, 0, NumberOf(env, own)));
  static_cast<void>(napi_set_element(env, pair, 1, NumberOf(env, peer)));
  return pair;
}

sockaddr_un AddressOf(napi_env env, napi_value path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::size_t length = 0;
  static_cast<void>(
      napi_get_value_string_utf8(env, path, address.sun_path, sizeof(address.sun_path), &length));
  return address;
}

// A message of one byte with two descriptors.
struct Parcel {
  Parcel() {
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
  }
  char byte = 0;
  iovec vector = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptors * sizeof(int))] = {};
  msghdr header = {};
};

napi_value Listen(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const sockaddr_un address = AddressOf(env, arguments.values[0]);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return Fail(env, "socket");
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return Fail(env, "bind");
  if (listen(listener, 1) != 0) return Fail(env, "listen");
  return NumberOf(env, listener);
}

napi_value Give(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const int listener = DescriptorOf(env, arguments.values[0]);
  const int peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (peer < 0) return Fail(env, "accept4");
  const int made[kDescriptors] = {eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                                  eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (made[0] < 0 || made[1] < 0) return Fail(env, "eventfd");
  Parcel parcel;
  cmsghdr* rights = CMSG_FIRSTHDR(&parcel.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(made));
  std::memcpy(CMSG_DATA(rights), made, sizeof(made));
  if (sendmsg(peer, &parcel.header, MSG_NOSIGNAL) != 1) return Fail(env, "sendmsg");
  static_cast<void>(close(peer));
  static_cast<void>(close(listener));
  return PairOf(env, made[0], made[1]);
}

napi_value Take(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const sockaddr_un address = AddressOf(env, arguments.values[0]);
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (server < 0) return Fail(env, "socket");
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Fail(env, "connect");
  }
  Parcel parcel;
  if (recvmsg(server, &parcel.header, MSG_CMSG_CLOEXEC) != 1) return Fail(env, "recvmsg");
  static_cast<void>(close(server));
  int taken[kDescriptors] = {-1, -1};
  const cmsghdr* rights = CMSG_FIRSTHDR(&parcel.header);
  if (rights == nullptr || rights->cmsg_len != CMSG_LEN(sizeof(taken))) return Fail(env, "recvmsg");
  std::memcpy(taken, CMSG_DATA(rights), sizeof(taken));
  return PairOf(env, taken[1], taken[0]);
}

napi_value Ring(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const std::uint64_t one = 1;
  if (write(DescriptorOf(env, arguments.values[0]), &one, sizeof(one)) != sizeof(one))
    return Fail(env, "write");
  return nullptr;
}

struct Watch {
  uv_poll_t poll;
  int descriptor;
  napi_env env;
  napi_async_context context;
  napi_ref receiver;
  napi_ref callback;
};

void OnReadable(uv_poll_t* poll, int, int) {
  const auto* watch = static_cast<Watch*>(poll->data);
  std::uint64_t rings = 0;
  if (read(watch->descriptor, &rings, sizeof(rings)) != sizeof(rings)) return;
  napi_handle_scope scope = nullptr;
  napi_value receiver = nullptr;
  napi_value callback = nullptr;
  static_cast<void>(napi_open_handle_scope(watch->env, &scope));
  static_cast<void>(napi_get_reference_value(watch->env, watch->receiver, &receiver));
  static_cast<void>(napi_get_reference_value(watch->env, watch->callback, &callback));
  static_cast<void>(napi_make_callback(watch->env, watch->context, receiver, callback, 0, nullptr, nullptr));
  static_cast<void>(napi_close_handle_scope(watch->env, scope));
}

napi_value StartWatch(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Fail(env, "napi_get_uv_event_loop");
  auto* watch = new Watch();
  watch->env = env;
  watch->descriptor = DescriptorOf(env, arguments.values[0]);
  napi_value receiver = nullptr;
  napi_value name = nullptr;
  static_cast<void>(napi_create_object(env, &receiver));
  static_cast<void>(napi_create_string_utf8(env, "doorbell", NAPI_AUTO_LENGTH, &name));
  static_cast<void>(napi_async_init(env, receiver, name, &watch->context));
  static_cast<void>(napi_create_reference(env, receiver, 1, &watch->receiver));
  static_cast<void>(napi_create_reference(env, arguments.values[1], 1, &watch->callback));
  watch->poll.data = watch;
  if (uv_poll_init(loop, &watch->poll, watch->descriptor) != 0) return Fail(env, "uv_poll_init");
  if (uv_poll_start(&watch->poll, UV_READABLE, OnReadable) != 0) return Fail(env, "uv_poll_start");
  return nullptr;
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value = nullptr;
  static_cast<void>(napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value));
  static_cast<void>(napi_set_named_property(env, exports, name, value));
}

}  // namespace

NAPI_MODULE_INIT() {
  Export(env, exports, "listen", Listen);
  Export(env, exports, "give", Give);
  Export(env, exports, "take", Take);
  Export(env, exports, "ring", Ring);
  Export(env, exports, "watch", StartWatch);
  return exports;
}
