#include "pipe_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "win32.h"

namespace entropynet {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kDiscardBytes = 64 * 1024;

bool IsEnd(int error) {
  return error == ERROR_BROKEN_PIPE || error == ERROR_PIPE_NOT_CONNECTED || error == ERROR_NO_DATA;
}

}  // namespace

PipeConnection::PipeConnection(OwnedDescriptor pipe, bool is_server)
    : pipe_(std::move(pipe)), is_server_(is_server), inbox_(kPipeBufferBytes) {
  StartRead();
}

PipeConnection::~PipeConnection() {
  notifier_.Stop();
  reading_.Cancel(Pipe());
  writing_.Cancel(Pipe());
}

Status PipeConnection::Accept(std::unique_ptr<LocalSocket>*) { return {ERROR_INVALID_FUNCTION, "accept"}; }

Status PipeConnection::Peer(PeerCredentials* credentials) {
  ULONG process = 0;
  const BOOL known = is_server_ ? ::GetNamedPipeClientProcessId(Pipe(), &process)
                                : ::GetNamedPipeServerProcessId(Pipe(), &process);
  if (!known) return LastError("GetNamedPipeClientProcessId");
  // There are no numbers for users here. The pipe's access list lets nobody but its owner connect.
  *credentials = {process, 0, 0};
  return {};
}

Status PipeConnection::Send(const std::uint8_t* bytes, std::size_t size, Descriptor passed,
                            std::size_t* sent) {
  *sent = 0;
  Status status;
  DWORD written = 0;
  // The message before this one waits for the peer to read: full.
  if (writing_.IsRunning(Pipe(), &status, &written)) return {};
  if (!status.Ok()) return status;
  const std::size_t taken = std::min<std::size_t>(size, kPipeBufferBytes - kHeaderBytes);
  outbox_.resize(kHeaderBytes + taken);
  const std::uint64_t handle = passed == kNoDescriptor ? 0 : static_cast<std::uint64_t>(passed);
  std::memcpy(outbox_.data(), &handle, kHeaderBytes);
  std::memcpy(outbox_.data() + kHeaderBytes, bytes, taken);
  OVERLAPPED* operation = writing_.Begin();
  if (!::WriteFile(Pipe(), outbox_.data(), static_cast<DWORD>(outbox_.size()), nullptr, operation) &&
      ::GetLastError() != ERROR_IO_PENDING) {
    status = LastError("WriteFile");
    writing_.Cancel(Pipe());
    return status;
  }
  *sent = taken;
  return {};
}

Status PipeConnection::Receive(std::uint8_t* into, std::size_t size, ReceivedBytes* received) {
  Status status;
  if (!FinishRead(&status, received)) return status;
  const std::size_t taken = std::min(size, filled_ - consumed_);
  std::memcpy(into, inbox_.data() + consumed_, taken);
  consumed_ += taken;
  received->bytes = taken;
  if (consumed_ == filled_) {
    StartRead();
  } else {
    // The event is still set: there is more to take.
    notifier_.Rearm();
  }
  return {};
}

void PipeConnection::Ring() {
  const std::uint8_t ring = 1;
  std::size_t sent = 0;
  static_cast<void>(Send(&ring, 1, kNoDescriptor, &sent));
}

Status PipeConnection::Discard(bool* ended) {
  std::uint8_t chunk[1024];
  for (std::size_t total = 0; total < kDiscardBytes;) {
    ReceivedBytes received;
    const Status status = Receive(chunk, sizeof chunk, &received);
    if (!status.Ok()) return status;
    if (received.ended) *ended = true;
    if (received.bytes == 0) break;
    total += received.bytes;
  }
  return {};
}

Status PipeConnection::StartNotifying(void (*notify)(void*), void* data) {
  return notifier_.Start(reading_.Event(), notify, data);
}

void PipeConnection::StartRead() {
  filled_ = 0;
  consumed_ = 0;
  OVERLAPPED* operation = reading_.Begin();
  if (!::ReadFile(Pipe(), inbox_.data(), kPipeBufferBytes, nullptr, operation) &&
      ::GetLastError() != ERROR_IO_PENDING) {
    read_error_ = LastError("ReadFile");
    reading_.Cancel(Pipe());
    // Readable, in that the end can be read.
    ::SetEvent(reading_.Event());
  }
  notifier_.Rearm();
}

bool PipeConnection::FinishRead(Status* status, ReceivedBytes* received) {
  if (filled_ > consumed_) return true;
  DWORD bytes = 0;
  const bool had_begun = reading_.HasBegun();
  if (reading_.IsRunning(Pipe(), &read_error_, &bytes)) {
    // A notification that found nothing is over; the next needs a wait of its own.
    notifier_.Rearm();
    return false;
  }
  if (!read_error_.Ok()) {
    received->ended = IsEnd(read_error_.error);
    if (!received->ended) *status = read_error_;
    return false;
  }
  if (!had_begun || bytes <= kHeaderBytes) {
    *status = {ERROR_INVALID_DATA, "ReadFile"};
    return false;
  }
  filled_ = bytes;
  consumed_ = kHeaderBytes;
  std::uint64_t handle = 0;
  std::memcpy(&handle, inbox_.data(), kHeaderBytes);
  if (handle != 0) FetchHandle(handle, &received->descriptor);
  return true;
}

void PipeConnection::FetchHandle(std::uint64_t number, OwnedDescriptor* fetched) {
  PeerCredentials peer;
  if (!Peer(&peer).Ok()) return;
  const HANDLE opened = ::OpenProcess(PROCESS_DUP_HANDLE, FALSE, peer.process_id);
  if (opened == nullptr) return;
  const OwnedDescriptor process(ToDescriptor(opened));
  HANDLE duplicate = nullptr;
  if (::DuplicateHandle(opened, reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(number)),
                        ::GetCurrentProcess(), &duplicate, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
    fetched->Reset(ToDescriptor(duplicate));
  }
}

}  // namespace entropynet
