#ifndef ENTROPYNET_PLATFORM_LOCAL_SOCKET_H_
#define ENTROPYNET_PLATFORM_LOCAL_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "descriptor.h"
#include "status.h"

namespace entropynet {

struct PeerCredentials {
  std::uint32_t process_id = 0;
  std::uint32_t user_id = 0;
  std::uint32_t group_id = 0;
#ifdef _WIN32
  // Users and groups have no numbers here: whether the peer acts for the user of this process.
  bool is_same_user = false;
#endif
};

struct ReceivedBytes {
  std::size_t bytes = 0;
  // The peer closed or reset the connection and everything it sent has been read.
  bool ended = false;
  // A descriptor that came along, now the receiver's own.
  OwnedDescriptor descriptor;
  // One came along that this process had no number left for; the system has closed it.
  bool descriptor_lost = false;
};

/*
 * A stream between two processes of one machine: a Unix socket, a named pipe on Windows. It carries
 * bytes and now and then a descriptor, and never blocks. One thread at a time. Destroying it closes it.
 */
class LocalSocket {
 public:
  LocalSocket() = default;
  LocalSocket(const LocalSocket&) = delete;
  LocalSocket& operator=(const LocalSocket&) = delete;
  virtual ~LocalSocket() = default;

  // The longest path, in bytes, that Listen and Connect can take.
  static std::size_t MaxPathBytes();

  /*
   * Binds `path`, which only this user can connect to, and listens. The caller removes the name in the
   * end. kErrorNameTooLong: longer than MaxPathBytes().
   */
  static Status Listen(const std::string& path, int backlog, std::unique_ptr<LocalSocket>* listening);

  // Connects at once or fails, for instance because the listener's backlog is full.
  static Status Connect(const std::string& path, std::unique_ptr<LocalSocket>* connected);

  // The next waiting peer; `accepted` is null when nobody waits.
  virtual Status Accept(std::unique_ptr<LocalSocket>* accepted) = 0;

  // Who the peer was when the connection was made, as the system says.
  virtual Status Peer(PeerCredentials* credentials) = 0;

#ifndef _WIN32
  // The groups that the peer's process was in then, beside its effective one.
  virtual Status PeerGroups(std::vector<std::uint32_t>* groups) = 0;
#endif

  /*
   * Sends up to `size` bytes (at least one) and, unless it is kNoDescriptor, `passed` (borrowed) with
   * the first of them. `sent` is 0 when there is no room now; then `passed` was not sent either. On
   * Windows keep `passed` open until the peer has answered: the peer fetches it.
   */
  virtual Status Send(const std::uint8_t* bytes, std::size_t size, Descriptor passed, std::size_t* sent) = 0;

  /*
   * Reads up to `size` bytes (at least one). No bytes and not ended: nothing has come. One descriptor may
   * come along where this side connected; kErrorDescriptorPassed: others came, and the socket is to be
   * destroyed. Closing what a peer passed never keeps this thread: see CloseElsewhere.
   */
  virtual Status Receive(std::uint8_t* into, std::size_t size, ReceivedBytes* received) = 0;

  // Makes the peer's end readable. A full buffer means that it is readable already; a gone peer needs
  // nothing.
  virtual void Ring() = 0;

  // Reads and drops at most 64 KiB. `ended` as in ReceivedBytes; kErrorDescriptorPassed: descriptors came
  // along.
  virtual Status Discard(bool* ended) = 0;

  // The socket's number for messages and for polling; borrowed.
  virtual Descriptor Get() const = 0;

  // Whether an event loop can poll Get(). Where it cannot, StartNotifying tells of readiness.
  virtual bool IsPollable() const = 0;

  /*
   * Calls `notify(data)`, on a thread of the system's choice, whenever there is something to accept or
   * receive. kErrorUnsupported on a socket that is pollable.
   */
  virtual Status StartNotifying(void (*notify)(void*), void* data) = 0;

  // No call of `notify` is running or will start once this returns. Not from within `notify`.
  virtual void StopNotifying() = 0;
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_LOCAL_SOCKET_H_
