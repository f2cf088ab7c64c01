#include "pipe_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "security.h"
#include "win32.h"

namespace entropynet {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kDiscardBytes = 64 * 1024;

// The rights to read a section's size and kind, and to map it. The name is missing in some headers.
constexpr DWORD kSectionRights = 0x0001 | FILE_MAP_READ | FILE_MAP_WRITE;  // SECTION_QUERY

bool IsEnd(int error) {
  return error == ERROR_BROKEN_PIPE || error == ERROR_PIPE_NOT_CONNECTED || error == ERROR_NO_DATA;
}

}  // namespace

Status PipeConnection::Make(OwnedDescriptor pipe, Side side, std::unique_ptr<LocalSocket>* made) {
  auto connection = std::make_unique<PipeConnection>(std::move(pipe), side);
  if (!connection->reading_.IsReady() || !connection->writing_.IsReady())
    return {ERROR_OUTOFMEMORY, "CreateEvent"};
  connection->StartRead();
  *made = std::move(connection);
  return {};
}

PipeConnection::PipeConnection(OwnedDescriptor pipe, Side side)
    : pipe_(std::move(pipe)),
      side_(side),
      takes_descriptor_(side == Side::kConnected),
      inbox_(kPipeBufferBytes) {}

PipeConnection::~PipeConnection() {
  notifier_.Stop();
  reading_.Cancel(Pipe());
  writing_.Cancel(Pipe());
}

Status PipeConnection::Accept(std::unique_ptr<LocalSocket>*) { return {ERROR_INVALID_FUNCTION, "accept"}; }

Status PipeConnection::Peer(PeerCredentials* credentials) {
  ULONG process = 0;
  if (side_ == Side::kAccepted) {
    if (!::GetNamedPipeClientProcessId(Pipe(), &process)) return LastError("GetNamedPipeClientProcessId");
    // The system lets only this user open the pipe: see the security attributes of PipeListener.
    *credentials = {process, 0, 0, true};
    return {};
  }
  if (!::GetNamedPipeServerProcessId(Pipe(), &process)) return LastError("GetNamedPipeServerProcessId");
  // No process can make another user the owner of a pipe, but the maker of a pipe can forge a process number.
  ObjectAccess access;
  const Status status = ReadObjectAccess(Pipe(), SE_KERNEL_OBJECT, &access);
  if (status.Ok()) *credentials = {process, 0, 0, access.is_own && access.writer.empty()};
  return status;
}

Status PipeConnection::Send(const std::uint8_t* bytes, std::size_t size, Descriptor passed,
                            std::size_t* sent) {
  *sent = 0;
  Status status;
  DWORD written = 0;
  // The message before this one still waits for the peer to read: the pipe is full.
  if (writing_.IsRunning(Pipe(), &status, &written)) return {};
  if (!status.Ok()) return status;
  const std::size_t taken = std::min<std::size_t>(size, kPipeBufferBytes - kHeaderBytes);
  outbox_.resize(kHeaderBytes + taken);
  const std::uint64_t handle = passed == kNoDescriptor ? 0 : static_cast<std::uint64_t>(passed);
  std::memcpy(outbox_.data(), &handle, kHeaderBytes);
  std::memcpy(outbox_.data() + kHeaderBytes, bytes, taken);
  status = writing_.Begun(
      ::WriteFile(Pipe(), outbox_.data(), static_cast<DWORD>(outbox_.size()), nullptr, writing_.Prepare()),
      "WriteFile");
  if (status.Ok()) *sent = taken;
  return status;
}

Status PipeConnection::Receive(std::uint8_t* into, std::size_t size, ReceivedBytes* received) {
  Status status;
  if (!FinishRead(&status, received)) return status;
  const std::size_t taken = std::min(size, filled_ - consumed_);
  std::memcpy(into, inbox_.data() + consumed_, taken);
  consumed_ += taken;
  received->bytes = taken;
  if (consumed_ == filled_) StartRead();
  // If more bytes wait, the event is still set.
  notifier_.Rearm();
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
  read_error_ = reading_.Begun(
      ::ReadFile(Pipe(), inbox_.data(), kPipeBufferBytes, nullptr, reading_.Prepare()), "ReadFile");
  // Readable, because the end can be read.
  if (!read_error_.Ok()) ::SetEvent(reading_.Event());
}

bool PipeConnection::FinishRead(Status* status, ReceivedBytes* received) {
  if (filled_ > consumed_) return true;
  if (read_error_.Ok()) {
    DWORD bytes = 0;
    if (reading_.IsRunning(Pipe(), &read_error_, &bytes)) {
      // This notification had no bytes.
      notifier_.Rearm();
      return false;
    }
    if (read_error_.Ok()) read_error_ = OpenMessage(bytes, &received->descriptor);
    if (read_error_.Ok()) return true;
  }
  // The message is longer than any message of this protocol. If it waits already, the read itself fails.
  if (read_error_.error == ERROR_MORE_DATA) read_error_.error = kErrorBadMessage;
  received->ended = IsEnd(read_error_.error);
  if (!received->ended) *status = read_error_;
  return false;
}

Status PipeConnection::OpenMessage(DWORD bytes, OwnedDescriptor* fetched) {
  if (bytes <= kHeaderBytes) return {kErrorBadMessage, "ReadFile"};
  std::uint64_t number = 0;
  std::memcpy(&number, inbox_.data(), kHeaderBytes);
  if (number != 0) {
    if (!takes_descriptor_) return {kErrorDescriptorPassed, "ReadFile"};
    takes_descriptor_ = false;
    const Status status = FetchHandle(number, fetched);
    if (!status.Ok()) return status;
  }
  filled_ = bytes;
  consumed_ = kHeaderBytes;
  return {};
}

// Fails if the server has more rights than this process, for example if it runs elevated. The caller reports
// that.
Status PipeConnection::FetchHandle(std::uint64_t number, OwnedDescriptor* fetched) {
  ULONG server = 0;
  if (!::GetNamedPipeServerProcessId(Pipe(), &server)) return LastError("GetNamedPipeServerProcessId");
  const OwnedDescriptor process = OwnHandle(::OpenProcess(PROCESS_DUP_HANDLE, FALSE, server));
  if (!process.IsOpen()) return LastError("OpenProcess");
  HANDLE duplicate = nullptr;
  if (!::DuplicateHandle(ToHandle(process.Get()),
                         reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(number)), ::GetCurrentProcess(),
                         &duplicate, kSectionRights, FALSE, 0)) {
    return LastError("DuplicateHandle");
  }
  *fetched = OwnHandle(duplicate);
  return {};
}

}  // namespace entropynet
