#include "../local_socket.h"

#include <string>
#include <utility>

#include <windows.h>

#include <sddl.h>

#include "named_pipe.h"
#include "pipe_connection.h"
#include "win32.h"

namespace entropynet {
namespace {

constexpr std::size_t kMaxPathCharacters = 256;

class PipeListener final : public LocalSocket {
 public:
  explicit PipeListener(std::wstring name) : name_(std::move(name)) {}
  ~PipeListener() override {
    notifier_.Stop();
    connecting_.Cancel(ToHandle(waiting_.Get()));
  }

  // Makes the pipe instance that the next client connects to.
  Status Open(bool first) {
    // Full access for the owner, none for anybody else; P: nothing is inherited.
    PSECURITY_DESCRIPTOR security = nullptr;
    if (!::ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;GA;;;OW)", SDDL_REVISION_1,
                                                                &security, nullptr)) {
      return LastError("ConvertStringSecurityDescriptorToSecurityDescriptor");
    }
    SECURITY_ATTRIBUTES attributes{sizeof attributes, security, FALSE};
    const DWORD mode =
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
    const HANDLE made =
        ::CreateNamedPipeW(name_.c_str(), mode,
                           PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                           PIPE_UNLIMITED_INSTANCES, kPipeBufferBytes, kPipeBufferBytes, 0, &attributes);
    // With FIRST_PIPE_INSTANCE this is how the system says that another server has the name.
    const bool taken = first && ::GetLastError() == ERROR_ACCESS_DENIED;
    const Status status = taken ? Status{WSAEADDRINUSE, "CreateNamedPipe"} : LastError("CreateNamedPipe");
    ::LocalFree(security);
    if (made == INVALID_HANDLE_VALUE) return status;
    waiting_.Reset(ToDescriptor(made));
    if (!::ConnectNamedPipe(made, connecting_.Begin()) && ::GetLastError() != ERROR_IO_PENDING) {
      const bool connected = ::GetLastError() == ERROR_PIPE_CONNECTED;
      const Status failure = LastError("ConnectNamedPipe");
      if (!connected) return failure;
      already_connected_ = true;
      ::SetEvent(connecting_.Event());
    }
    notifier_.Rearm();
    return {};
  }

  Status Accept(std::unique_ptr<LocalSocket>* accepted) override {
    Status status;
    DWORD bytes = 0;
    if (!already_connected_ && connecting_.IsRunning(ToHandle(waiting_.Get()), &status, &bytes)) {
      notifier_.Rearm();
      return {};
    }
    already_connected_ = false;
    OwnedDescriptor connected = std::move(waiting_);
    const Status opened = Open(false);
    // A peer that connected and left at once is not worth an error of the listener's.
    if (status.Ok()) *accepted = std::make_unique<PipeConnection>(std::move(connected), true);
    return opened;
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
  Descriptor Get() const override { return waiting_.Get(); }
  bool IsPollable() const override { return false; }
  Status StartNotifying(void (*notify)(void*), void* data) override {
    return notifier_.Start(connecting_.Event(), notify, data);
  }
  void StopNotifying() override { notifier_.Stop(); }

 private:
  const std::wstring name_;
  OwnedDescriptor waiting_;
  bool already_connected_ = false;
  Operation connecting_;
  // Last, so that it stops first.
  EventNotifier notifier_;
};

}  // namespace

std::size_t LocalSocket::MaxPathBytes() { return kMaxPathCharacters; }

// Here `path` is a pipe's name, \\.\pipe\..., which lasts as long as a handle to the pipe does. The system
// keeps no queue of peers: between two Accept calls one peer can connect, whatever the backlog.
Status LocalSocket::Listen(const std::string& path, int, std::unique_ptr<LocalSocket>* listening) {
  if (path.size() > kMaxPathCharacters) return {kErrorNameTooLong, "CreateNamedPipe"};
  auto listener = std::make_unique<PipeListener>(Widen(path));
  const Status status = listener->Open(true);
  if (status.Ok()) *listening = std::move(listener);
  return status;
}

Status LocalSocket::Connect(const std::string& path, std::unique_ptr<LocalSocket>* connected) {
  if (path.size() > kMaxPathCharacters) return {kErrorNameTooLong, "CreateFile"};
  // The server may learn who we are but not act in our name.
  constexpr DWORD flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
  const HANDLE opened = ::CreateFileW(Widen(path).c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr,
                                      OPEN_EXISTING, flags, nullptr);
  if (opened == INVALID_HANDLE_VALUE) {
    if (::GetLastError() == ERROR_PIPE_BUSY) return {kErrorWouldBlock, "CreateFile"};
    return LastError("CreateFile");
  }
  OwnedDescriptor pipe(ToDescriptor(opened));
  DWORD mode = PIPE_READMODE_MESSAGE;
  if (!::SetNamedPipeHandleState(opened, &mode, nullptr, nullptr))
    return LastError("SetNamedPipeHandleState");
  *connected = std::make_unique<PipeConnection>(std::move(pipe), false);
  return {};
}

}  // namespace entropynet
