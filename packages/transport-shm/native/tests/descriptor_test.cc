// Tests shared memory and passed descriptors without Node.js, for sanitizers. A peer may pass any object.

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../platform/descriptor.h"
#include "../platform/local_socket.h"
#include "../platform/mapping.h"
#include "check.h"
#include "open_descriptors.h"

namespace entropynet {
namespace {

constexpr std::size_t kBytes = 65536;

void TestRegions() {
  OwnedDescriptor created;
  CHECK(CreateSharedMemory(kBytes, &created).Ok());
  std::uint64_t actual = 0;
  CHECK(CheckSharedMemory(created.Get(), kBytes, &actual).Ok());
  CHECK(CheckSharedMemory(created.Get(), kBytes + 1, &actual).error == kErrorSizeMismatch &&
        actual == kBytes);
  CHECK(::ftruncate(created.Get(), 0) != 0 && errno == EPERM);
  CHECK(::ftruncate(created.Get(), kBytes * 2) != 0 && errno == EPERM);
  Mapping first;
  Mapping second;
  CHECK(first.Map(created.Get(), kBytes).Ok() && second.Map(created.Get(), kBytes).Ok());
  created.Reset();
  std::memset(first.Data(), 7, kBytes);
  CHECK(static_cast<std::uint8_t*>(second.Data())[kBytes - 1] == 7);
  first.Unmap();
  CHECK(!first.IsMapped());
  first.Unmap();
}

// Passes objects that lack one seal each, and all other kinds that a peer might pass.
void TestForeignDescriptors() {
  std::uint64_t actual = 0;
  const int seals[] = {0,
                       F_SEAL_SHRINK,
                       F_SEAL_GROW,
                       F_SEAL_SEAL,
                       F_SEAL_SHRINK | F_SEAL_GROW,
                       F_SEAL_SHRINK | F_SEAL_SEAL,
                       F_SEAL_GROW | F_SEAL_SEAL};
  for (const int some : seals) {
    OwnedDescriptor memory(::memfd_create("entropynet-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    CHECK(memory.IsOpen() && ::ftruncate(memory.Get(), kBytes) == 0);
    CHECK(some == 0 || ::fcntl(memory.Get(), F_ADD_SEALS, some) == 0);
    CHECK(CheckSharedMemory(memory.Get(), kBytes, &actual).error == kErrorUnsealed);
  }
  OwnedDescriptor huge(::memfd_create("entropynet-test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  if (huge.IsOpen()) {
    CHECK(::fcntl(huge.Get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
    CHECK(CheckSharedMemory(huge.Get(), 0, &actual).error == kErrorUnsealed);
  }
  int pipes[2];
  CHECK(::pipe2(pipes, O_CLOEXEC) == 0);
  OwnedDescriptor reading(pipes[0]);
  OwnedDescriptor writing(pipes[1]);
  CHECK(!CheckSharedMemory(reading.Get(), kBytes, &actual).Ok());
  for (const char* path : {"/dev/zero", "/tmp", "/proc/self/exe"}) {
    OwnedDescriptor other(::open(path, O_RDONLY | O_CLOEXEC));
    CHECK(other.IsOpen() && !CheckSharedMemory(other.Get(), kBytes, &actual).Ok());
  }
  OwnedDescriptor name_only(::open("/etc/hostname", O_PATH | O_CLOEXEC));
  CHECK(!CheckSharedMemory(name_only.Get(), kBytes, &actual).Ok());
  CHECK(!CheckSharedMemory(kNoDescriptor, kBytes, &actual).Ok());
  CHECK(!CheckSharedMemory(1 << 20, kBytes, &actual).Ok());
}

// Passes `count` descriptors with one byte, as a hostile peer may.
void PassMany(int socket, int count, int descriptor = 0) {
  std::vector<int> passed(static_cast<std::size_t>(count), descriptor);
  std::vector<unsigned char> control(CMSG_SPACE(sizeof(int) * passed.size()));
  char byte = 1;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  // musl stores these sizes in 32 bits.
  message.msg_controllen = static_cast<decltype(message.msg_controllen)>(control.size());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(sizeof(int) * passed.size()));
  std::memcpy(CMSG_DATA(header), passed.data(), sizeof(int) * passed.size());
  CHECK(::sendmsg(socket, &message, MSG_NOSIGNAL) == 1);
}

// Leaves this process only this number of free descriptors, until the end of the scope.
class FewNumbers {
 public:
  explicit FewNumbers(int free_numbers) {
    CHECK(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    // The next numbers of the system. The limit is the first one that it must not use.
    std::vector<int> taken;
    for (int count = 0; count < free_numbers + 1; count++) taken.push_back(::dup(0));
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(taken.back());
    for (const int descriptor : taken) CHECK(::close(descriptor) == 0);
    CHECK(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~FewNumbers() { CHECK(::setrlimit(RLIMIT_NOFILE, &before_) == 0); }
  FewNumbers(const FewNumbers&) = delete;
  FewNumbers& operator=(const FewNumbers&) = delete;

 private:
  rlimit before_{};
};

void AwaitCloses() {
  while (WaitingToClose() != 0) static_cast<void>(::sched_yield());
}

// A TCP connection whose one end lingers: closing it waits until the other end has read everything.
struct LingeringPair {
  OwnedDescriptor lingering;
  OwnedDescriptor other;

  LingeringPair() {
    OwnedDescriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    CHECK(::bind(listening.Get(), generic, length) == 0 && ::listen(listening.Get(), 1) == 0);
    CHECK(::getsockname(listening.Get(), generic, &length) == 0);
    lingering.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK(::connect(lingering.Get(), generic, length) == 0);
    other.Reset(::accept(listening.Get(), nullptr, nullptr));
    CHECK(other.IsOpen());
    const linger an_hour{1, 3600};
    CHECK(::setsockopt(lingering.Get(), SOL_SOCKET, SO_LINGER, &an_hour, sizeof an_hour) == 0);
    const std::vector<char> chunk(1 << 16);
    while (::send(lingering.Get(), chunk.data(), chunk.size(), MSG_DONTWAIT) > 0) {
    }
  }

  void ReadAll() {
    std::vector<char> chunk(1 << 16);
    while (::recv(other.Get(), chunk.data(), chunk.size(), 0) > 0) {
    }
  }
};

// Closes a listening socket whose client was not accepted and has passed a descriptor. Without a free number
// it can't be accepted any more.
void TestUnacceptedClient(int free_numbers) {
  const std::string folder = MakeFolder();
  const std::string path = folder + "/socket";
  const int before = OpenDescriptors();
  {
    std::unique_ptr<LocalSocket> listening;
    std::unique_ptr<LocalSocket> client;
    CHECK(LocalSocket::Listen(path, 4, &listening).Ok());
    CHECK(LocalSocket::Connect(path, &client).Ok());
    LingeringPair pair;
    PassMany(client->Get(), 1, pair.lingering.Get());
    CHECK(::close(pair.lingering.Release()) == 0);
    {
      const FewNumbers few(free_numbers);
      // This thread must not wait for the other end.
      listening.reset();
    }
    pair.ReadAll();
    AwaitCloses();
  }
  CHECK(OpenDescriptors() == before);
  CHECK(::unlink(path.c_str()) == 0 && ::rmdir(folder.c_str()) == 0);
}

void TestPassedDescriptors() {
  const std::string folder = MakeFolder();
  const std::string path = folder + "/socket";
  std::unique_ptr<LocalSocket> listening;
  CHECK(LocalSocket::Listen(path, 4, &listening).Ok());
  const int before = OpenDescriptors();
  std::uint8_t bytes[64];
  // The side that accepted takes no descriptor, and has none of them open meanwhile.
  for (const int count : {1, 2, 253}) {
    std::unique_ptr<LocalSocket> near;
    std::unique_ptr<LocalSocket> far;
    CHECK(LocalSocket::Connect(path, &near).Ok() && listening->Accept(&far).Ok());
    PassMany(near->Get(), count);
    ReceivedBytes received;
    CHECK(far->Receive(bytes, sizeof bytes, &received).error == kErrorDescriptorPassed);
    bool ended = false;
    CHECK(far->Discard(&ended).error == kErrorDescriptorPassed && !ended);
    CHECK(OpenDescriptors() == before + 2);
    far.reset();
    AwaitCloses();
    CHECK(OpenDescriptors() == before + 1);
  }
  // The side that connected takes one: memory, or another object that it must check.
  for (const bool is_memory : {true, false}) {
    std::unique_ptr<LocalSocket> near;
    std::unique_ptr<LocalSocket> far;
    CHECK(LocalSocket::Connect(path, &near).Ok() && listening->Accept(&far).Ok());
    OwnedDescriptor memory;
    CHECK(CreateSharedMemory(4096, &memory).Ok() && IsMemory(memory.Get()) && !IsMemory(0));
    std::size_t sent = 0;
    CHECK(far->Send(bytes, 10, is_memory ? memory.Get() : 0, &sent).Ok() && sent == 10);
    ReceivedBytes received;
    CHECK(near->Receive(bytes, sizeof bytes, &received).Ok());
    CHECK(received.bytes == 10 && received.descriptor.IsOpen() && !received.descriptor_lost);
    CHECK(IsMemory(received.descriptor.Get()) == is_memory);
    ReceivedBytes next;
    const Status again = near->Receive(bytes, sizeof bytes, &next);
    CHECK(is_memory ? again.Ok() && next.bytes == 0 : again.error == kErrorDescriptorPassed);
  }
  // With one free number the descriptor arrives. With none it is reported as lost, and the bytes still
  // arrive.
  for (const int free_numbers : {1, 0}) {
    std::unique_ptr<LocalSocket> near;
    std::unique_ptr<LocalSocket> far;
    CHECK(LocalSocket::Connect(path, &near).Ok() && listening->Accept(&far).Ok());
    OwnedDescriptor memory;
    CHECK(CreateSharedMemory(4096, &memory).Ok());
    std::size_t sent = 0;
    CHECK(far->Send(bytes, 10, memory.Get(), &sent).Ok() && sent == 10);
    ReceivedBytes received;
    {
      const FewNumbers few(free_numbers);
      CHECK(near->Receive(bytes, sizeof bytes, &received).Ok());
    }
    CHECK(received.bytes == 10);
    CHECK(received.descriptor.IsOpen() == (free_numbers == 1));
    CHECK(received.descriptor_lost == (free_numbers == 0));
  }
  {
    std::unique_ptr<LocalSocket> near;
    std::unique_ptr<LocalSocket> far;
    CHECK(LocalSocket::Connect(path, &near).Ok() && listening->Accept(&far).Ok());
    PassMany(far->Get(), 2);
    ReceivedBytes received;
    CHECK(near->Receive(bytes, sizeof bytes, &received).error == kErrorDescriptorPassed);
    CHECK(!received.descriptor.IsOpen());
    // No side accepts this one: its descriptors are closed with the listening socket.
    CHECK(LocalSocket::Connect(path, &near).Ok());
    PassMany(near->Get(), 3);
    listening.reset();
  }
  AwaitCloses();
  CHECK(OpenDescriptors() == before - 1);
  CHECK(::unlink(path.c_str()) == 0 && ::rmdir(folder.c_str()) == 0);
}

#ifdef __GLIBC__
// Passes descriptors to a thread that the system refuses, because its stack would exceed all addresses.
void TestRefusedThread() {
  pthread_attr_t before;
  CHECK(::pthread_getattr_default_np(&before) == 0);
  pthread_attr_t endless;
  CHECK(::pthread_attr_init(&endless) == 0);
  CHECK(::pthread_attr_setstacksize(&endless, std::size_t{1} << 50) == 0);
  CHECK(::pthread_setattr_default_np(&endless) == 0);
  for (std::size_t count = 0; count < kMaxWaitingToClose; count++) CloseElsewhere(OwnedDescriptor(::dup(0)));
  CHECK(WaitingToClose() == kMaxWaitingToClose);
  CHECK(::pthread_setattr_default_np(&before) == 0);
  static_cast<void>(::pthread_attr_destroy(&endless));
  static_cast<void>(::pthread_attr_destroy(&before));
  // A server can do no more than ask: it accepts no client, and so closes none.
  AwaitCloses();
}
#endif

}  // namespace
}  // namespace entropynet

int main() {
  const int before = entropynet::OpenDescriptors();
  entropynet::TestRegions();
  entropynet::TestForeignDescriptors();
  entropynet::TestPassedDescriptors();
#ifdef __GLIBC__
  entropynet::TestRefusedThread();
#endif
  for (const int free_numbers : {1, 0}) entropynet::TestUnacceptedClient(free_numbers);
  CHECK(entropynet::OpenDescriptors() == before);
  return 0;
}
