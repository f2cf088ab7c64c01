#include "../posix/socket_calls.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/ucred.h>
#include <sys/un.h>
#include <unistd.h>

namespace entropynet {
namespace {

// macOS has none of the flags that set these while the descriptor is made. A fork between the two calls
// could inherit it; a child that Node starts closes everything it was not meant to have.
Status Prepare(Descriptor descriptor) {
  if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return {errno, "fcntl"};
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) return {errno, "fcntl"};
  // In place of MSG_NOSIGNAL.
  const int enabled = 1;
  if (::setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &enabled, sizeof enabled) != 0)
    return {errno, "setsockopt"};
  return {};
}

}  // namespace

const int kSendFlags = 0;
const int kReceiveFlags = 0;

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
      // EINVAL: this peer is gone already; there may be another behind it.
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
  // The mode of a socket cannot be set before it has a name. Nobody can connect until it listens.
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

void AdoptPassedDescriptor(Descriptor descriptor) {
  static_cast<void>(::fcntl(descriptor, F_SETFD, FD_CLOEXEC));
}

}  // namespace entropynet
