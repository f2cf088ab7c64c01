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

// Where the POSIX systems differ. All of them leave a descriptor close-on-exec and non-blocking.

// Flags for sendmsg beside MSG_DONTWAIT.
extern const int kSendFlags;

// A new Unix stream socket.
Status OpenStreamSocket(OwnedDescriptor* opened);

// accept; `accepted` stays closed when nobody waits.
Status AcceptStreamSocket(Descriptor listening, OwnedDescriptor* accepted);

// bind such that the name has mode 0600 before anybody can connect to it.
Status BindPrivately(Descriptor descriptor, const std::string& path, const sockaddr* address,
                     socklen_t length);

// Who is at the other end of `descriptor`.
Status ReadPeerCredentials(Descriptor descriptor, PeerCredentials* credentials);

// The supplementary groups of the process at the other end.
Status ReadPeerGroups(Descriptor descriptor, std::vector<std::uint32_t>* groups);

/*
 * Reads up to `size` bytes without waiting, and one passed descriptor of memory if `takes_descriptor`.
 * Nothing that the peer passed is closed on this thread. kErrorDescriptorPassed: descriptors came where none
 * belongs, or several.
 */
Status TakeMessage(Descriptor socket, std::uint8_t* into, std::size_t size, bool takes_descriptor,
                   ReceivedBytes* received);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_POSIX_SOCKET_CALLS_H_
