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

// Room for one passed descriptor more than may come, so that several are seen as several.
struct Control {
  alignas(cmsghdr) unsigned char bytes[CMSG_SPACE(2 * sizeof(int))];
};

// recvmsg; `control` is null where no descriptor is to be received.
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

// musl's macro compares numbers of different signs, and its header counts as ours where it is expanded.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
cmsghdr* HeaderAfter(cmsghdr* header, msghdr* message) { return CMSG_NXTHDR(message, header); }
#pragma GCC diagnostic pop

// Keeps the first descriptor of a message and lets the thread for that close the others. Returns how many
// came.
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
    // ECONNABORTED: that peer left before its turn; there may be another behind it.
    if (errno != EINTR && errno != ECONNABORTED) return {errno, "accept"};
  }
}

Status BindPrivately(Descriptor descriptor, const std::string& path, const sockaddr* address,
                     socklen_t length) {
  static_cast<void>(path);
  // The name takes its mode from the socket's own, so there is no moment at which it is wider. The
  // umask would do as well, but it is the whole process's and other threads create files meanwhile.
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
  // In the kernel's headers since 4.13; the C library's may be older.
  constexpr int peer_groups = 59;
  std::vector<gid_t> read(64);
  for (;;) {
    auto length = static_cast<socklen_t>(read.size() * sizeof(gid_t));
    const int result = ::getsockopt(descriptor, SOL_SOCKET, peer_groups, read.data(), &length);
    const std::size_t count = length / sizeof(gid_t);
    // The kernel has said how many there are.
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
 * Looks before it takes. What is taken out of a socket and not wanted, the kernel closes on this very thread;
 * what is only looked at stays with the socket, which goes to the thread for that when it is closed.
 */
Status TakeMessage(Descriptor socket, std::uint8_t* into, std::size_t size, bool takes_descriptor,
                   ReceivedBytes* received) {
  Control control;
  msghdr message;
  const ssize_t seen =
      ReceiveMessage(socket, into, size, MSG_PEEK, takes_descriptor ? &control : nullptr, &message);
  if (seen < 0) {
    if (errno == EAGAIN) return {};
    // The peer went away with bytes of ours unread. Everything it had sent was delivered before this.
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
    // This process has no number left for it. It stays in the socket, which the caller gives up.
    received->descriptor_lost = true;
    return {};
  }
  if (count == 1 && !IsMemory(first.Get())) {
    // No region: the check says so. It stays in the socket, too.
    received->descriptor = std::move(first);
    return {};
  }
  // The same bytes once more, and a second number for the same memory, which is closed at once.
  OwnedDescriptor second;
  if (ReceiveMessage(socket, into, bytes, 0, count == 1 ? &control : nullptr, &message) < 0)
    return {errno, "recvmsg"};
  // Looking shows the descriptor of the next message, too. Only taking says whether it came with these bytes:
  // it shows it again, or says that this process has no number left to show it with.
  const bool is_with_these = KeepFirst(&message, &second) == 1 || (message.msg_flags & MSG_CTRUNC) != 0;
  if (is_with_these) received->descriptor = std::move(first);
  return {};
}

}  // namespace entropynet
