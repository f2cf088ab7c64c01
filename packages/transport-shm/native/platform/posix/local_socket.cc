#include "../local_socket.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_calls.h"

namespace entropynet {
namespace {

constexpr std::size_t kDiscardBytes = 64 * 1024;
constexpr std::size_t kDiscardChunkBytes = 4 * 1024;

Status MakeAddress(const std::string& path, const char* syscall, sockaddr_un* address, socklen_t* length) {
  if (path.size() > LocalSocket::MaxPathBytes()) return {kErrorNameTooLong, syscall};
  *address = {};
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path, path.c_str(), path.size() + 1);
  *length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return {};
}

/*
 * Closes a socket. A socket with unread bytes may hold descriptors that the peer passed, and closing it
 * closes them. Then the other thread closes it. The peer sees the end at once in both cases.
 */
void CloseSocket(OwnedDescriptor socket, bool listens) {
  // No more bytes can be sent into it.
  static_cast<void>(::shutdown(socket.Get(), SHUT_RDWR));
  // Connections that were not accepted would be closed with it.
  bool is_drained = true;
  while (listens) {
    OwnedDescriptor unaccepted;
    const Status status = AcceptStreamSocket(socket.Get(), &unaccepted);
    // After the shutdown, EINVAL means that none is left. With other errors, such as EMFILE, some may be.
    is_drained = status.Ok() || status.error == EINVAL;
    if (!unaccepted.IsOpen()) break;
    CloseSocket(std::move(unaccepted), false);
  }
  std::uint8_t byte;
  if (!is_drained || ::recv(socket.Get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
    CloseElsewhere(std::move(socket));
}

class PosixLocalSocket final : public LocalSocket {
 public:
  enum class Kind { kListening, kAccepted, kConnected };

  PosixLocalSocket(OwnedDescriptor descriptor, Kind kind) : descriptor_(std::move(descriptor)), kind_(kind) {}

  ~PosixLocalSocket() override { CloseSocket(std::move(descriptor_), kind_ == Kind::kListening); }

  Status Accept(std::unique_ptr<LocalSocket>* accepted) override {
    if (WaitingToClose() >= kMaxWaitingToClose) return {kErrorClosesWaiting, "accept"};
    OwnedDescriptor descriptor;
    const Status status = AcceptStreamSocket(descriptor_.Get(), &descriptor);
    if (status.Ok() && descriptor.IsOpen())
      *accepted = std::make_unique<PosixLocalSocket>(std::move(descriptor), Kind::kAccepted);
    return status;
  }

  Status Peer(PeerCredentials* credentials) override {
    return ReadPeerCredentials(descriptor_.Get(), credentials);
  }

  Status PeerGroups(std::vector<std::uint32_t>* groups) override {
    return ReadPeerGroups(descriptor_.Get(), groups);
  }

  Status Send(const std::uint8_t* bytes, std::size_t size, Descriptor passed, std::size_t* sent) override {
    // sendmsg only reads the bytes. recvmsg uses the same structure, so it is not const.
    iovec part{const_cast<std::uint8_t*>(bytes), size};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))] = {};
    if (passed != kNoDescriptor) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &passed, sizeof(int));
    }
    ssize_t result;
    do {
      result = ::sendmsg(descriptor_.Get(), &message, kSendFlags | MSG_DONTWAIT);
    } while (result < 0 && errno == EINTR);
    if (result >= 0) {
      *sent = static_cast<std::size_t>(result);
      return {};
    }
    *sent = 0;
    // With ENOBUFS macOS reports that the receiver's buffer is full.
    if (errno == EAGAIN || errno == ENOBUFS) return {};
    return {errno, "sendmsg"};
  }

  Status Receive(std::uint8_t* into, std::size_t size, ReceivedBytes* received) override {
    // Only a server passes one, and only once.
    const Status status = TakeMessage(descriptor_.Get(), into, size, takes_descriptor_, received);
    if (received->descriptor.IsOpen()) takes_descriptor_ = false;
    return status;
  }

  void Ring() override {
    const std::uint8_t ring = 1;
    ssize_t result;
    do {
      result = ::send(descriptor_.Get(), &ring, 1, kSendFlags | MSG_DONTWAIT);
    } while (result < 0 && errno == EINTR);
  }

  Status Discard(bool* ended) override {
    std::uint8_t chunk[kDiscardChunkBytes];
    for (std::size_t total = 0; total < kDiscardBytes;) {
      ReceivedBytes received;
      const Status status = TakeMessage(descriptor_.Get(), chunk, sizeof chunk, false, &received);
      if (!status.Ok()) return status;
      if (received.ended) *ended = true;
      if (received.bytes == 0) return {};
      total += received.bytes;
    }
    return {};
  }

  Descriptor Get() const override { return descriptor_.Get(); }

  bool IsPollable() const override { return true; }

  Status StartNotifying(void (*)(void*), void*) override { return {kErrorUnsupported, "poll"}; }

  void StopNotifying() override {}

 private:
  OwnedDescriptor descriptor_;
  const Kind kind_;
  bool takes_descriptor_ = kind_ == Kind::kConnected;
};

}  // namespace

std::size_t LocalSocket::MaxPathBytes() { return sizeof(sockaddr_un::sun_path) - 1; }

Status LocalSocket::Listen(const std::string& path, int backlog, std::unique_ptr<LocalSocket>* listening) {
  sockaddr_un address;
  socklen_t length;
  Status status = MakeAddress(path, "bind", &address, &length);
  if (!status.Ok()) return status;
  OwnedDescriptor descriptor;
  status = OpenStreamSocket(&descriptor);
  if (!status.Ok()) return status;
  status = BindPrivately(descriptor.Get(), path, reinterpret_cast<const sockaddr*>(&address), length);
  if (!status.Ok()) return status;
  if (::listen(descriptor.Get(), backlog) != 0) {
    status = {errno, "listen"};
    static_cast<void>(::unlink(path.c_str()));
    return status;
  }
  *listening = std::make_unique<PosixLocalSocket>(std::move(descriptor), PosixLocalSocket::Kind::kListening);
  return {};
}

Status LocalSocket::Connect(const std::string& path, std::unique_ptr<LocalSocket>* connected) {
  sockaddr_un address;
  socklen_t length;
  Status status = MakeAddress(path, "connect", &address, &length);
  if (!status.Ok()) return status;
  OwnedDescriptor descriptor;
  status = OpenStreamSocket(&descriptor);
  if (!status.Ok()) return status;
  int result;
  do {
    result = ::connect(descriptor.Get(), reinterpret_cast<const sockaddr*>(&address), length);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return {errno, "connect"};
  *connected = std::make_unique<PosixLocalSocket>(std::move(descriptor), PosixLocalSocket::Kind::kConnected);
  return {};
}

}  // namespace entropynet
