#include "../posix/socket_calls.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <sys/uio.h>

#include "../mapping.h"

namespace entropynet {
namespace {

// Room for one passed descriptor more than is allowed, so that several are noticed.
struct Control {
  alignas(cmsghdr) unsigned char bytes[CMSG_SPACE(2 * sizeof(int))];
};

// Calls recvmsg. `control` is null if no descriptor is to be received.
ssize_t ReceiveMessage(Descriptor socket, std::uint8_t* into, std::size_t size, int flags, Control* control,
                       msghdr* message) {
  iovec part{into, size};
  *message = {};
  message->msg_iov = &part;
  message->msg_iovlen = 1;
  ssize_t result;
  do {
    message->msg_control = control;
    message->msg_controllen = control == nullptr ? 0 : sizeof *control;
    result = ::recvmsg(socket, message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (result < 0 && errno == EINTR);
  return result;
}

// musl's macro compares numbers of different signs, and the compiler counts its expansion as code of this
// file.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
cmsghdr* HeaderAfter(cmsghdr* header, msghdr* message) { return CMSG_NXTHDR(message, header); }
#pragma GCC diagnostic pop

// Keeps the first descriptor of a message. The other thread closes the rest. Returns the number of received
// descriptors.
std::size_t KeepFirst(msghdr* message, OwnedDescriptor* first) {
  std::size_t count = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr; header = HeaderAfter(header, message)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const unsigned char* data = CMSG_DATA(header);
    const std::size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < passed; index++) {
      int number;
      std::memcpy(&number, data + index * sizeof(int), sizeof(int));
      OwnedDescriptor descriptor(number);
      if (first->IsOpen()) {
        CloseElsewhere(std::move(descriptor));
      } else {
        *first = std::move(descriptor);
      }
    }
    count += passed;
  }
  return count;
}

}  // namespace

const int kSendFlags = MSG_NOSIGNAL;

Status OpenStreamSocket(OwnedDescriptor* opened) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return {errno, "socket"};
  opened->Reset(descriptor);
  return {};
}

Status AcceptStreamSocket(Descriptor listening, OwnedDescriptor* accepted) {
  for (;;) {
    const int descriptor = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
      accepted->Reset(descriptor);
      return {};
    }
    if (errno == EAGAIN) return {};
    // ECONNABORTED: that peer left before its turn. Another may wait behind it.
    if (errno != EINTR && errno != ECONNABORTED) return {errno, "accept"};
  }
}

Status BindPrivately(Descriptor descriptor, const std::string& path, const sockaddr* address,
                     socklen_t length) {
  static_cast<void>(path);
  // The name takes its mode from the socket, so the mode is never wider. The umask would have the same
  // effect, but it belongs to the whole process, and other threads create files meanwhile.
  if (::fchmod(descriptor, S_IRUSR | S_IWUSR) != 0) return {errno, "fchmod"};
  if (::bind(descriptor, address, length) != 0) return {errno, "bind"};
  return {};
}

Status ReadPeerCredentials(Descriptor descriptor, PeerCredentials* credentials) {
  ucred read{};
  socklen_t length = sizeof read;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &read, &length) != 0) return {errno, "getsockopt"};
  credentials->process_id = static_cast<std::uint32_t>(read.pid);
  credentials->user_id = read.uid;
  credentials->group_id = read.gid;
  return {};
}

Status ReadPeerGroups(Descriptor descriptor, std::vector<std::uint32_t>* groups) {
  // The kernel's headers have it since 4.13; those of the C library may be older.
  constexpr int peer_groups = 59;
  std::vector<gid_t> read(64);
  for (;;) {
    auto length = static_cast<socklen_t>(read.size() * sizeof(gid_t));
    const int result = ::getsockopt(descriptor, SOL_SOCKET, peer_groups, read.data(), &length);
    const std::size_t count = length / sizeof(gid_t);
    // The kernel has returned the number.
    if (result != 0 && errno == ERANGE && count > read.size()) {
      read.resize(count);
      continue;
    }
    if (result != 0) return {errno, "getsockopt"};
    groups->assign(read.begin(), read.begin() + static_cast<std::ptrdiff_t>(count));
    return {};
  }
}

/*
 * Peeks before it takes. The kernel closes an unwanted descriptor on this thread when the thread takes it. A
 * descriptor that is only peeked at stays in the socket, and the other thread closes that.
 */
Status TakeMessage(Descriptor socket, std::uint8_t* into, std::size_t size, bool takes_descriptor,
                   ReceivedBytes* received) {
  Control control;
  msghdr message;
  const ssize_t seen =
      ReceiveMessage(socket, into, size, MSG_PEEK, takes_descriptor ? &control : nullptr, &message);
  if (seen < 0) {
    if (errno == EAGAIN) return {};
    // The peer left with unread bytes of this side. All bytes of the peer were delivered before this.
    if (errno != ECONNRESET) return {errno, "recvmsg"};
  }
  if (seen <= 0) {
    received->ended = true;
    return {};
  }
  OwnedDescriptor first;
  const std::size_t count = KeepFirst(&message, &first);
  const bool is_cut = (message.msg_flags & MSG_CTRUNC) != 0;
  const auto bytes = static_cast<std::size_t>(seen);
  if (count > 1 || (count == 1 && is_cut) || (is_cut && !takes_descriptor)) {
    CloseElsewhere(std::move(first));
    return {kErrorDescriptorPassed, "recvmsg"};
  }
  received->bytes = bytes;
  if (is_cut) {
    // This process has no free number for it. It stays in the socket, which the caller closes.
    received->descriptor_lost = true;
    return {};
  }
  if (count == 1 && !IsMemory(first.Get())) {
    // It is no region, and the caller's check reports that. It stays in the socket, too.
    received->descriptor = std::move(first);
    return {};
  }
  // Takes the same bytes, and a second number for the same memory, which is closed at once.
  OwnedDescriptor second;
  if (ReceiveMessage(socket, into, bytes, 0, count == 1 ? &control : nullptr, &message) < 0)
    return {errno, "recvmsg"};
  // Peeking also shows the descriptor of the next message. Only taking shows if it came with these bytes: it
  // returns the descriptor again, or reports that this process has no free number for it.
  const bool is_with_these = KeepFirst(&message, &second) == 1 || (message.msg_flags & MSG_CTRUNC) != 0;
  if (is_with_these) received->descriptor = std::move(first);
  return {};
}

}  // namespace entropynet
