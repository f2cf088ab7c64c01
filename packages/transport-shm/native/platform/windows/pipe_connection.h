#ifndef ENTROPYNET_PLATFORM_WINDOWS_PIPE_CONNECTION_H_
#define ENTROPYNET_PLATFORM_WINDOWS_PIPE_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include <windows.h>

#include "../local_socket.h"
#include "named_pipe.h"

namespace entropynet {

constexpr DWORD kPipeBufferBytes = 64 * 1024;

/*
 * One end of a connected named pipe in message mode. Every message starts with 8 bytes: the number of a
 * passed handle in the sender, or 0. At least one byte follows. A message that is shorter, or longer than the
 * buffer, breaks this protocol and ends the connection. The receiver copies the handle from the sender's
 * process; it never uses a number from the peer as one of its own handles. libuv can't poll a pipe, so one
 * read is always under way, and its event reports readiness through EventNotifier.
 */
class PipeConnection final : public LocalSocket {
 public:
  enum class Side { kAccepted, kConnected };

  // Takes ownership of `pipe`, an overlapped pipe in message mode.
  static Status Make(OwnedDescriptor pipe, Side side, std::unique_ptr<LocalSocket>* made);

  PipeConnection(OwnedDescriptor pipe, Side side);
  ~PipeConnection() override;

  Status Accept(std::unique_ptr<LocalSocket>* accepted) override;
  Status Peer(PeerCredentials* credentials) override;
  Status Send(const std::uint8_t* bytes, std::size_t size, Descriptor passed, std::size_t* sent) override;
  Status Receive(std::uint8_t* into, std::size_t size, ReceivedBytes* received) override;
  void Ring() override;
  Status Discard(bool* ended) override;
  Descriptor Get() const override { return pipe_.Get(); }
  bool IsPollable() const override { return false; }
  Status StartNotifying(void (*notify)(void*), void* data) override;
  void StopNotifying() override { notifier_.Stop(); }

 private:
  HANDLE Pipe() const { return reinterpret_cast<HANDLE>(pipe_.Get()); }
  void StartRead();

  // Returns whether there are bytes to take. If not, `status` and `received` have the reason.
  bool FinishRead(Status* status, ReceivedBytes* received);

  // Reads the header of the message of `bytes` bytes that has arrived.
  Status OpenMessage(DWORD bytes, OwnedDescriptor* fetched);

  // Copies the handle with this number from the server's process.
  Status FetchHandle(std::uint64_t number, OwnedDescriptor* fetched);

  OwnedDescriptor pipe_;
  const Side side_;
  // Only a server passes one, and only once.
  bool takes_descriptor_;
  // The error because of which no more can be read.
  Status read_error_;
  std::vector<std::uint8_t> inbox_;
  std::vector<std::uint8_t> outbox_;
  std::size_t filled_ = 0;
  std::size_t consumed_ = 0;
  Operation reading_;
  Operation writing_;
  // The last member, so that it stops first.
  EventNotifier notifier_;
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_WINDOWS_PIPE_CONNECTION_H_
