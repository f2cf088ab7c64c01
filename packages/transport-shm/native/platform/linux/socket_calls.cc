#include "../posix/socket_calls.h"

#include <cerrno>

#include <sys/stat.h>

namespace entropynet {

const int kSendFlags = MSG_NOSIGNAL;
const int kReceiveFlags = MSG_CMSG_CLOEXEC;

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

void AdoptPassedDescriptor(Descriptor descriptor) {
  // MSG_CMSG_CLOEXEC has done it already.
  static_cast<void>(descriptor);
}

}  // namespace entropynet
