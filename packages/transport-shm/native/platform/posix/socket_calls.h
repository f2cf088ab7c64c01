#ifndef ENTROPYNET_PLATFORM_POSIX_SOCKET_CALLS_H_
#define ENTROPYNET_PLATFORM_POSIX_SOCKET_CALLS_H_

#include <cstdint>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "../descriptor.h"
#include "../local_socket.h"
#include "../status.h"

namespace entropynet {

// The differences between the POSIX systems. All functions make descriptors close-on-exec and non-blocking.

// The flags for sendmsg in addition to MSG_DONTWAIT.
extern const int kSendFlags;

// Opens a new Unix stream socket.
Status OpenStreamSocket(OwnedDescriptor* opened);

// Calls accept. `accepted` stays closed if no peer waits.
Status AcceptStreamSocket(Descriptor listening, OwnedDescriptor* accepted);

// Binds so that the name has mode 0600 before a peer can connect to it.
Status BindPrivately(Descriptor descriptor, const std::string& path, const sockaddr* address,
                     socklen_t length);

// Reads the account of the process at the other end of `descriptor`.
Status ReadPeerCredentials(Descriptor descriptor, PeerCredentials* credentials);

// Reads the supplementary groups of the process at the other end.
Status ReadPeerGroups(Descriptor descriptor, std::vector<std::uint32_t>* groups);

/*
 * Reads up to `size` bytes without waiting, and one passed descriptor of memory if `takes_descriptor`. It
 * closes no passed descriptor on this thread. kErrorDescriptorPassed: several descriptors came, or one where
 * none is allowed.
 */
Status TakeMessage(Descriptor socket, std::uint8_t* into, std::size_t size, bool takes_descriptor,
                   ReceivedBytes* received);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_POSIX_SOCKET_CALLS_H_
