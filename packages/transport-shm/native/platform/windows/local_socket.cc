#include "../local_socket.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <windows.h>

#include "named_pipe.h"
#include "pipe_connection.h"
#include "security.h"
#include "win32.h"

namespace entropynet {
namespace {

constexpr std::size_t kMaxPathCharacters = 256;

// The largest number of clients that can connect between two calls of Accept. Each instance costs two handles
// and a wait.
constexpr std::size_t kMaxWaitingInstances = 16;

// One instance of a pipe, to which the next client connects.
class WaitingInstance {
 public:
  WaitingInstance() = default;
  WaitingInstance(const WaitingInstance&) = delete;
  WaitingInstance& operator=(const WaitingInstance&) = delete;
  ~WaitingInstance() {
    notifier_.Stop();
    connecting_.Cancel(ToHandle(pipe_.Get()));
  }

  bool IsOpen() const { return pipe_.IsOpen(); }
  Descriptor Get() const { return pipe_.Get(); }

  // Makes the instance. With `is_first` it fails with WSAEADDRINUSE if the pipe exists already.
  Status Open(const std::wstring& name, bool is_first) {
    if (!connecting_.IsReady()) return {ERROR_OUTOFMEMORY, "CreateEvent"};
    PrivateSecurity security;
    const Status secured = security.Make(PrivateSecurity::For::kObject);
    if (!secured.Ok()) return secured;
    const DWORD mode =
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (is_first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
    OwnedDescriptor made = OwnHandle(::CreateNamedPipeW(
        name.c_str(), mode,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        PIPE_UNLIMITED_INSTANCES, kPipeBufferBytes, kPipeBufferBytes, 0, security.Attributes()));
    if (!made.IsOpen()) {
      // With this error the system reports that another process has made the first one.
      const bool is_taken = is_first && ::GetLastError() == ERROR_ACCESS_DENIED;
      return is_taken ? Status{WSAEADDRINUSE, "CreateNamedPipe"} : LastError("CreateNamedPipe");
    }
    const HANDLE pipe = ToHandle(made.Get());
    const Status begun =
        connecting_.Begun(::ConnectNamedPipe(pipe, connecting_.Prepare()), "ConnectNamedPipe");
    // A client may have connected in between, and may even have left again. It counts as a client to accept.
    const bool is_met = begun.error == ERROR_PIPE_CONNECTED || begun.error == ERROR_NO_DATA;
    if (!begun.Ok() && !is_met) return begun;
    if (is_met) ::SetEvent(connecting_.Event());
    pipe_ = std::move(made);
    notifier_.Rearm();
    return {};
  }

  // Returns whether a client has connected; then the caller owns its pipe. A pipe whose client has left can
  // still be read to its end.
  bool Take(OwnedDescriptor* connected) {
    Status status;
    DWORD bytes = 0;
    if (connecting_.IsRunning(ToHandle(pipe_.Get()), &status, &bytes)) {
      notifier_.Rearm();
      return false;
    }
    *connected = std::move(pipe_);
    return true;
  }

  Status StartNotifying(void (*notify)(void*), void* data) {
    return notifier_.Start(connecting_.Event(), notify, data);
  }
  void StopNotifying() { notifier_.Stop(); }

 private:
  OwnedDescriptor pipe_;
  Operation connecting_;
  EventNotifier notifier_;
};

// Keeps several instances waiting. If one could not be replaced, a later call makes it.
class PipeListener final : public LocalSocket {
 public:
  explicit PipeListener(std::wstring name) : name_(std::move(name)) {}

  Status Open(std::size_t count) {
    count_ = std::min(count, kMaxWaitingInstances);
    Status status = instances_[0].Open(name_, true);
    if (status.Ok()) status = CheckAccess();
    // Fewer instances are enough. A later call makes the others.
    if (status.Ok()) static_cast<void>(OpenMissing());
    return status;
  }

  Status Accept(std::unique_ptr<LocalSocket>* accepted) override {
    const Status filled = OpenMissing();
    for (std::size_t tried = 0; tried < count_; tried++) {
      WaitingInstance& instance = instances_[next_];
      next_ = (next_ + 1) % count_;
      OwnedDescriptor connected;
      if (!instance.IsOpen() || !instance.Take(&connected)) continue;
      // This comes before the client is served: while one instance exists, no other process can make the
      // pipe.
      static_cast<void>(instance.Open(name_, false));
      return PipeConnection::Make(std::move(connected), PipeConnection::Side::kAccepted, accepted);
    }
    return filled;
  }

  Status Peer(PeerCredentials*) override { return {ERROR_INVALID_FUNCTION, "peerCredentials"}; }
  Status Send(const std::uint8_t*, std::size_t, Descriptor, std::size_t*) override {
    return {ERROR_INVALID_FUNCTION, "send"};
  }
  Status Receive(std::uint8_t*, std::size_t, ReceivedBytes*) override {
    return {ERROR_INVALID_FUNCTION, "receive"};
  }
  void Ring() override {}
  Status Discard(bool*) override { return {ERROR_INVALID_FUNCTION, "receive"}; }
  Descriptor Get() const override { return instances_[0].Get(); }
  bool IsPollable() const override { return false; }

  Status StartNotifying(void (*notify)(void*), void* data) override {
    Status status = OpenMissing();
    for (std::size_t index = 0; status.Ok() && index < count_; index++)
      status = instances_[index].StartNotifying(notify, data);
    if (!status.Ok()) StopNotifying();
    return status;
  }
  void StopNotifying() override {
    for (WaitingInstance& instance : instances_) instance.StopNotifying();
  }

 private:
  // Fails only if no instance is left to which a client could connect.
  Status OpenMissing() {
    Status failure;
    bool is_any_open = false;
    for (std::size_t index = 0; index < count_; index++) {
      WaitingInstance& instance = instances_[index];
      if (!instance.IsOpen()) {
        const Status status = instance.Open(name_, false);
        if (!status.Ok()) failure = status;
      }
      is_any_open = is_any_open || instance.IsOpen();
    }
    return is_any_open ? Status{} : failure;
  }

  // Checks that the pipe has the rights with which it was made.
  Status CheckAccess() {
    ObjectAccess access;
    const Status status = ReadObjectAccess(ToHandle(instances_[0].Get()), SE_KERNEL_OBJECT, &access);
    if (!status.Ok()) return status;
    if (!access.is_own || !access.writer.empty()) return {ERROR_ACCESS_DENIED, "GetSecurityInfo"};
    return {};
  }

  const std::wstring name_;
  std::array<WaitingInstance, kMaxWaitingInstances> instances_;
  std::size_t count_ = 1;
  // The instance that has the next turn.
  std::size_t next_ = 0;
};

}  // namespace

std::size_t LocalSocket::MaxPathBytes() { return kMaxPathCharacters; }

// Here `path` is a pipe's name, \\.\pipe\..., which lasts as long as a handle to the pipe. The system keeps
// no queue of peers: between two Accept calls only as many can connect as instances wait.
Status LocalSocket::Listen(const std::string& path, int backlog, std::unique_ptr<LocalSocket>* listening) {
  if (path.size() > kMaxPathCharacters) return {kErrorNameTooLong, "CreateNamedPipe"};
  auto listener = std::make_unique<PipeListener>(Widen(path));
  const Status status = listener->Open(static_cast<std::size_t>(backlog));
  if (status.Ok()) *listening = std::move(listener);
  return status;
}

Status LocalSocket::Connect(const std::string& path, std::unique_ptr<LocalSocket>* connected) {
  if (path.size() > kMaxPathCharacters) return {kErrorNameTooLong, "CreateFile"};
  // The server may identify this process but not act in its name.
  constexpr DWORD flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
  OwnedDescriptor pipe = OwnHandle(::CreateFileW(Widen(path).c_str(), GENERIC_READ | GENERIC_WRITE, 0,
                                                 nullptr, OPEN_EXISTING, flags, nullptr));
  if (!pipe.IsOpen()) {
    if (::GetLastError() == ERROR_PIPE_BUSY) return {kErrorWouldBlock, "CreateFile"};
    return LastError("CreateFile");
  }
  DWORD mode = PIPE_READMODE_MESSAGE;
  if (!::SetNamedPipeHandleState(ToHandle(pipe.Get()), &mode, nullptr, nullptr))
    return LastError("SetNamedPipeHandleState");
  return PipeConnection::Make(std::move(pipe), PipeConnection::Side::kConnected, connected);
}

}  // namespace entropynet
