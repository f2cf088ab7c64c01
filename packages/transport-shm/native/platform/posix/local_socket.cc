#include "../local_socket.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_calls.h"

namespace entropynet {
namespace {

constexpr std::size_t kDiscardBytes = 64 * 1024;
constexpr std::size_t kDiscardChunkBytes = 4 * 1024;

// As many as the kernel lets anybody pass at once (SCM_MAX_FD on Linux). With room for all of them
// nothing is cut off, and what is not cut off can be closed.
constexpr std::size_t kMaxPassedDescriptors = 253;

Status MakeAddress(const std::string& path, const char* syscall, sockaddr_un* address, socklen_t* length) {
  if (path.size() > LocalSocket::MaxPathBytes()) return {kErrorNameTooLong, syscall};
  *address = {};
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path, path.c_str(), path.size() + 1);
  *length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return {};
}

// Keeps the first passed descriptor in `first` and closes the others.
void TakePassedDescriptors(msghdr* message, OwnedDescriptor* first) {
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const unsigned char* data = CMSG_DATA(header);
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; index++) {
      int number;
      std::memcpy(&number, data + index * sizeof(int), sizeof(int));
      OwnedDescriptor passed(number);
      if (first->IsOpen()) continue;
      AdoptPassedDescriptor(number);
      *first = std::move(passed);
    }
  }
}

class PosixLocalSocket final : public LocalSocket {
 public:
  explicit PosixLocalSocket(OwnedDescriptor descriptor) : descriptor_(std::move(descriptor)) {}

  Status Accept(std::unique_ptr<LocalSocket>* accepted) override {
    OwnedDescriptor descriptor;
    const Status status = AcceptStreamSocket(descriptor_.Get(), &descriptor);
    if (status.Ok() && descriptor.IsOpen())
      *accepted = std::make_unique<PosixLocalSocket>(std::move(descriptor));
    return status;
  }

  Status Peer(PeerCredentials* credentials) override {
    return ReadPeerCredentials(descriptor_.Get(), credentials);
  }

  Status Send(const std::uint8_t* bytes, std::size_t size, Descriptor passed, std::size_t* sent) override {
    // sendmsg only reads the bytes; the structure is shared with recvmsg and therefore not const.
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
    // ENOBUFS is how macOS says that the receiver's buffer is full.
    if (errno == EAGAIN || errno == ENOBUFS) return {};
    return {errno, "sendmsg"};
  }

  Status Receive(std::uint8_t* into, std::size_t size, ReceivedBytes* received) override {
    iovec part{into, size};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * kMaxPassedDescriptors)];
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t result;
    do {
      result = ::recvmsg(descriptor_.Get(), &message, kReceiveFlags | MSG_DONTWAIT);
    } while (result < 0 && errno == EINTR);
    if (result >= 0) {
      // Also when MSG_CTRUNC is set (this process has no descriptor numbers left): the kernel has
      // installed those that are listed and dropped the others.
      TakePassedDescriptors(&message, &received->descriptor);
      received->descriptor_lost = (message.msg_flags & MSG_CTRUNC) != 0 && !received->descriptor.IsOpen();
      received->bytes = static_cast<std::size_t>(result);
      received->ended = result == 0;
      return {};
    }
    if (errno == EAGAIN) return {};
    if (errno == ECONNRESET) {
      // The peer went away with bytes of ours unread. Everything it had sent was delivered before this.
      received->ended = true;
      return {};
    }
    return {errno, "recvmsg"};
  }

  void Ring() override {
    const std::uint8_t ring = 1;
    ssize_t result;
    do {
      result = ::send(descriptor_.Get(), &ring, 1, kSendFlags | MSG_DONTWAIT);
    } while (result < 0 && errno == EINTR);
  }

  Status Discard(bool* ended) override {
    // Through Receive and not a plain read, because some systems leak descriptors that nobody takes.
    std::uint8_t chunk[kDiscardChunkBytes];
    for (std::size_t total = 0; total < kDiscardBytes;) {
      ReceivedBytes received;
      const Status status = Receive(chunk, sizeof chunk, &received);
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
  *listening = std::make_unique<PosixLocalSocket>(std::move(descriptor));
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
  *connected = std::make_unique<PosixLocalSocket>(std::move(descriptor));
  return {};
}

}  // namespace entropynet
