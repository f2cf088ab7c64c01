// Tests the platform layer without Node.js, for sanitizers. A peer may pass any object, and any file may be
// there.

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../platform/descriptor.h"
#include "../platform/directory_lock.h"
#include "../platform/file_name.h"
#include "../platform/futex.h"
#include "../platform/local_socket.h"
#include "../platform/mapping.h"
#include "../platform/process_identity.h"
#include "check.h"

namespace entropynet {
namespace {

constexpr std::size_t kBytes = 65536;

std::string MakeFolder() {
  char folder[] = "/tmp/entropynet-native-XXXXXX";
  CHECK(::mkdtemp(folder) != nullptr);
  return folder;
}

int OpenDescriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  CHECK(directory != nullptr);
  int count = 0;
  while (::readdir(directory) != nullptr) count++;
  ::closedir(directory);
  return count;
}

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
void PassMany(int socket, int count) {
  std::vector<int> passed(static_cast<std::size_t>(count), 0);
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
}

void TestLocalSockets() {
  const std::string folder = MakeFolder();
  const std::string path = folder + "/socket";
  std::unique_ptr<LocalSocket> listening;
  CHECK(LocalSocket::Listen(path, 4, &listening).Ok());
  struct stat information;
  CHECK(::stat(path.c_str(), &information) == 0 && (information.st_mode & 0777) == 0600);
  std::unique_ptr<LocalSocket> near;
  std::unique_ptr<LocalSocket> far;
  CHECK(LocalSocket::Connect(path, &near).Ok());
  CHECK(listening->Accept(&far).Ok() && far != nullptr);
  std::unique_ptr<LocalSocket> nobody;
  CHECK(listening->Accept(&nobody).Ok() && nobody == nullptr);
  PeerCredentials credentials;
  CHECK(far->Peer(&credentials).Ok() && credentials.process_id == static_cast<std::uint32_t>(::getpid()));
  CHECK(credentials.user_id == ::geteuid());

  std::uint8_t bytes[64];
  bool ended = false;
  // Sends until the buffer is full. After that any number of wakes is allowed.
  std::vector<std::uint8_t> large(1 << 20, 3);
  std::size_t sent = 1;
  while (sent > 0) CHECK(near->Send(large.data(), large.size(), kNoDescriptor, &sent).Ok());
  for (int count = 0; count < 1000; count++) near->Ring();
  near.reset();
  std::size_t total = 0;
  for (ended = false; !ended;) {
    ReceivedBytes received;
    CHECK(far->Receive(large.data(), large.size(), &received).Ok());
    total += received.bytes;
    ended = received.ended;
  }
  CHECK(total > 0);
  far->Ring();
  CHECK(!far->Send(bytes, 1, kNoDescriptor, &sent).Ok());

  CHECK(LocalSocket::Connect(folder + "/nobody", &nobody).error == ENOENT);
  const std::string too_long(LocalSocket::MaxPathBytes() + 1, 'x');
  CHECK(LocalSocket::Connect(too_long, &nobody).error == kErrorNameTooLong);
  CHECK(LocalSocket::Listen(too_long, 1, &nobody).error == kErrorNameTooLong);
  CHECK(LocalSocket::Listen(path, 1, &nobody).error == EADDRINUSE);
  listening.reset();
  CHECK(LocalSocket::Connect(path, &nobody).error == ECONNREFUSED);

  FileIdentity identity;
  CHECK(IdentifyFile(path, &identity).Ok());
  FileIdentity other = identity;
  other.number++;
  RemoveFileIfSame(path, other);
  CHECK(::access(path.c_str(), F_OK) == 0);
  RemoveFileIfSame(path, identity);
  CHECK(::access(path.c_str(), F_OK) != 0);
  CHECK(!IdentifyFile(path, &identity).Ok());
  CHECK(::rmdir(folder.c_str()) == 0);
}

void TestDirectoryLock() {
  const std::string folder = MakeFolder();
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; number++) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200;) {
        OwnedDescriptor lock;
        const Status status = LockDirectory(folder, &lock);
        if (!status.Ok()) {
          std::this_thread::yield();
          continue;
        }
        CHECK(inside.fetch_add(1) == 0);
        inside.fetch_sub(1);
        round++;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  OwnedDescriptor lock;
  CHECK(LockDirectory(folder + "/missing", &lock).error == ENOENT);
  CHECK(::rmdir(folder.c_str()) == 0);
}

void TestFileLock() {
  const std::string folder = MakeFolder();
  const std::string path = folder + "/file";
  bool is_locked = true;
  OwnedDescriptor lock;
  CHECK(LockFile(path, &lock).error == ENOENT && IsFileLocked(path, &is_locked).error == ENOENT);
  CHECK(!is_locked);
  OwnedDescriptor(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)).Reset();
  CHECK(IsFileLocked(path, &is_locked).Ok() && !is_locked);
  CHECK(LockFile(path, &lock).Ok());
  CHECK(IsFileLocked(path, &is_locked).Ok() && is_locked);
  OwnedDescriptor second;
  CHECK(LockFile(path, &second).error == kErrorWouldBlock && !second.IsOpen());
  lock.Reset();
  CHECK(IsFileLocked(path, &is_locked).Ok() && !is_locked);
  CHECK(::unlink(path.c_str()) == 0);
  // A pipe at the file's path must not make this wait for a writer.
  CHECK(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(IsFileLocked(path, &is_locked).Ok() && !is_locked);
  CHECK(::unlink(path.c_str()) == 0 && ::rmdir(folder.c_str()) == 0);
}

void TestFutex() {
  OwnedDescriptor created;
  Mapping mapping;
  CHECK(CreateSharedMemory(kBytes, &created).Ok() && mapping.Map(created.Get(), kBytes).Ok());
  const SharedWord word = {static_cast<std::uint8_t*>(mapping.Data()), kBytes, 64};
  auto* value = reinterpret_cast<std::atomic<std::uint32_t>*>(word.Address());
  WaitResult result = WaitResult::kWoken;
  CHECK(WaitOnWord(word, 1, 1000000, &result).Ok() && result == WaitResult::kChanged);
  CHECK(WaitOnWord(word, 0, 1000000, &result).Ok() && result == WaitResult::kTimedOut);
  // Each thread waits for its turn. A lost wake ends this at the time limit of the runner.
  constexpr std::uint32_t kTurns = 5000;
  std::thread other([&] {
    for (std::uint32_t turn = 0; turn < kTurns; turn += 2) {
      WaitResult seen;
      while (value->load() == turn) CHECK(WaitOnWord(word, turn, 1000000000, &seen).Ok());
      value->fetch_add(1);
      int woken = 0;
      CHECK(WakeWord(word, &woken).Ok());
    }
  });
  for (std::uint32_t turn = 0; turn < kTurns; turn += 2) {
    value->fetch_add(1);
    int woken = 0;
    CHECK(WakeWord(word, &woken).Ok());
    while (value->load() == turn + 1) CHECK(WaitOnWord(word, turn + 1, 1000000000, &result).Ok());
  }
  other.join();
  CHECK(value->load() == kTurns);
}

void TestProcessIdentity() {
  ProcessIdentity identity;
  CHECK(CurrentProcessIdentity(&identity).Ok());
  CHECK(identity.process_id == static_cast<std::uint32_t>(::getpid()) && identity.start_time > 0);
  bool alive = false;
  std::uint64_t start_time = 0;
  CHECK(ProcessStartTime(identity.process_id, &alive, &start_time).Ok());
  CHECK(alive && start_time == identity.start_time);
  CHECK(ProcessStartTime(0x7fffffff, &alive, &start_time).Ok() && !alive);
}

}  // namespace
}  // namespace entropynet

int main() {
  const int before = entropynet::OpenDescriptors();
  entropynet::TestRegions();
  entropynet::TestForeignDescriptors();
  entropynet::TestPassedDescriptors();
  entropynet::TestLocalSockets();
  entropynet::TestDirectoryLock();
  entropynet::TestFileLock();
  entropynet::TestFutex();
  entropynet::TestProcessIdentity();
  CHECK(entropynet::OpenDescriptors() == before);
  return 0;
}
