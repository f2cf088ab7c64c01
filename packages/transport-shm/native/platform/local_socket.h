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
  // On systems without numbers of users and groups: whether the peer has the user of this process.
  bool is_same_user = false;
#endif
};

struct ReceivedBytes {
  std::size_t bytes = 0;
  // The peer closed or reset the connection, and all of its bytes were read.
  bool ended = false;
  // A descriptor that came with the bytes. The receiver owns it now.
  OwnedDescriptor descriptor;
  // A descriptor came, but this process had no free number for it. The system has closed it.
  bool descriptor_lost = false;
};

/*
 * A stream between two processes of one machine: a Unix socket, or a named pipe on Windows. It carries bytes,
 * sometimes a descriptor, and never blocks. One thread at a time. Destroying it closes it.
 */
class LocalSocket {
 public:
  LocalSocket() = default;
  LocalSocket(const LocalSocket&) = delete;
  LocalSocket& operator=(const LocalSocket&) = delete;
  virtual ~LocalSocket() = default;

  // The longest path of Listen and Connect, in bytes.
  static std::size_t MaxPathBytes();

  /*
   * Binds `path`, to which only this user can connect, and listens. The caller must remove the name later.
   * kErrorNameTooLong: longer than MaxPathBytes().
   */
  static Status Listen(const std::string& path, int backlog, std::unique_ptr<LocalSocket>* listening);

  // Connects at once, or fails, for example because the listener's backlog is full.
  static Status Connect(const std::string& path, std::unique_ptr<LocalSocket>* connected);

  // Accepts the next peer. `accepted` is null if none waits.
  virtual Status Accept(std::unique_ptr<LocalSocket>* accepted) = 0;

  // Reads the account of the peer at the time of the connection, from the system.
  virtual Status Peer(PeerCredentials* credentials) = 0;

#ifndef _WIN32
  // Reads the groups of the peer's process at that time, without its effective one.
  virtual Status PeerGroups(std::vector<std::uint32_t>* groups) = 0;
#endif

  /*
   * Sends up to `size` bytes (at least one) and, unless it is kNoDescriptor, `passed` (borrowed) with the
   * first of them. `sent` is 0 if there is no room now; then `passed` was not sent either. On Windows keep
   * `passed` open until the peer has answered, because the peer copies it.
   */
  virtual Status Send(const std::uint8_t* bytes, std::size_t size, Descriptor passed, std::size_t* sent) = 0;

  /*
   * Reads up to `size` bytes (at least one). No bytes and no end: nothing has arrived. If this side
   * connected, one descriptor may come with the bytes. kErrorDescriptorPassed: other descriptors came, and
   * the caller must destroy the socket. Closing a passed descriptor never blocks this thread: see
   * CloseElsewhere.
   */
  virtual Status Receive(std::uint8_t* into, std::size_t size, ReceivedBytes* received) = 0;

  // Makes the peer's end readable. If the buffer is full, it is readable already. A peer that has gone needs
  // no wake.
  virtual void Ring() = 0;

  // Reads and drops at most 64 KiB. `ended` as in ReceivedBytes. kErrorDescriptorPassed: descriptors came
  // with the bytes.
  virtual Status Discard(bool* ended) = 0;

  // The socket's number for messages and for polling; borrowed.
  virtual Descriptor Get() const = 0;

  // Whether an event loop can poll Get(). If it can't, StartNotifying reports readiness.
  virtual bool IsPollable() const = 0;

  /*
   * Calls `notify(data)`, on a thread of the system's choice, when there is a peer to accept or bytes to
   * receive. kErrorUnsupported on a pollable socket.
   */
  virtual Status StartNotifying(void (*notify)(void*), void* data) = 0;

  // After this returns, no call of `notify` runs or starts. Do not call it inside `notify`.
  virtual void StopNotifying() = 0;
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_LOCAL_SOCKET_H_
