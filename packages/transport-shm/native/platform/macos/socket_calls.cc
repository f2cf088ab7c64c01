#include "../posix/socket_calls.h"

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/ucred.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace entropynet {
namespace {

// More than the system lets a process pass at once.
constexpr std::size_t kMaxPassedDescriptors = 512;

// macOS has no flags that set these while the descriptor is made. A fork between the two calls could inherit
// the descriptor. A child that Node.js starts closes every descriptor that it must not have.
Status Prepare(Descriptor descriptor) {
  if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return {errno, "fcntl"};
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) return {errno, "fcntl"};
  // Replaces MSG_NOSIGNAL.
  const int enabled = 1;
  if (::setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &enabled, sizeof enabled) != 0)
    return {errno, "setsockopt"};
  return {};
}

}  // namespace

const int kSendFlags = 0;

Status OpenStreamSocket(OwnedDescriptor* opened) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (descriptor < 0) return {errno, "socket"};
  OwnedDescriptor made(descriptor);
  const Status status = Prepare(descriptor);
  if (status.Ok()) *opened = std::move(made);
  return status;
}

Status AcceptStreamSocket(Descriptor listening, OwnedDescriptor* accepted) {
  for (;;) {
    const int descriptor = ::accept(listening, nullptr, nullptr);
    if (descriptor >= 0) {
      OwnedDescriptor made(descriptor);
      const Status status = Prepare(descriptor);
      // EINVAL: this peer has gone already. Another may wait behind it.
      if (status.error == EINVAL) continue;
      if (status.Ok()) *accepted = std::move(made);
      return status;
    }
    if (errno == EAGAIN) return {};
    if (errno != EINTR && errno != ECONNABORTED) return {errno, "accept"};
  }
}

Status BindPrivately(Descriptor descriptor, const std::string& path, const sockaddr* address,
                     socklen_t length) {
  if (::bind(descriptor, address, length) != 0) return {errno, "bind"};
  // The mode of a socket can't be set before it has a name. No peer can connect before it listens.
  if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) {
    const Status status{errno, "chmod"};
    static_cast<void>(::unlink(path.c_str()));
    return status;
  }
  return {};
}

Status ReadPeerCredentials(Descriptor descriptor, PeerCredentials* credentials) {
  uid_t user;
  gid_t group;
  if (::getpeereid(descriptor, &user, &group) != 0) return {errno, "getpeereid"};
  pid_t process = 0;
  socklen_t length = sizeof process;
  if (::getsockopt(descriptor, SOL_LOCAL, LOCAL_PEERPID, &process, &length) != 0)
    return {errno, "getsockopt"};
  credentials->process_id = static_cast<std::uint32_t>(process);
  credentials->user_id = user;
  credentials->group_id = group;
  return {};
}

Status ReadPeerGroups(Descriptor descriptor, std::vector<std::uint32_t>* groups) {
  xucred read{};
  socklen_t length = sizeof read;
  if (::getsockopt(descriptor, SOL_LOCAL, LOCAL_PEERCRED, &read, &length) != 0) return {errno, "getsockopt"};
  if (read.cr_version != XUCRED_VERSION || read.cr_ngroups < 0 || read.cr_ngroups > NGROUPS)
    return {EINVAL, "getsockopt"};
  groups->assign(read.cr_groups, read.cr_groups + read.cr_ngroups);
  return {};
}

/*
 * Takes all descriptors, because peeking at them is not reliable here. With room for all of them none is
 * lost. The other thread closes the unwanted ones.
 */
Status TakeMessage(Descriptor socket, std::uint8_t* into, std::size_t size, bool takes_descriptor,
                   ReceivedBytes* received) {
  iovec part{into, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * kMaxPassedDescriptors)];
  ssize_t result;
  do {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    result = ::recvmsg(socket, &message, MSG_DONTWAIT);
  } while (result < 0 && errno == EINTR);
  if (result < 0 && errno == EAGAIN) return {};
  // This process has no free numbers for the passed descriptors. The system then fails instead of dropping
  // them.
  if (result < 0 && errno == EMSGSIZE) return {EMFILE, "recvmsg"};
  // The peer left with unread bytes of this side. All bytes of the peer were delivered before this.
  if (result < 0 && errno != ECONNRESET) return {errno, "recvmsg"};
  if (result <= 0) {
    received->ended = true;
    return {};
  }
  std::size_t count = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const unsigned char* data = CMSG_DATA(header);
    const std::size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < passed; index++) {
      int number;
      std::memcpy(&number, data + index * sizeof(int), sizeof(int));
      OwnedDescriptor descriptor(number);
      count++;
      if (count > 1 || !takes_descriptor) {
        CloseElsewhere(std::move(descriptor));
        continue;
      }
      static_cast<void>(::fcntl(number, F_SETFD, FD_CLOEXEC));
      received->descriptor = std::move(descriptor);
    }
  }
  if (count > (takes_descriptor ? 1U : 0U)) {
    CloseElsewhere(std::move(received->descriptor));
    return {kErrorDescriptorPassed, "recvmsg"};
  }
  received->bytes = static_cast<std::size_t>(result);
  received->descriptor_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  return {};
}

}  // namespace entropynet
