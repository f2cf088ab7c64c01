// Tests sockets, locks, futexes and processes of the platform layer without Node.js, for sanitizers. Any file
// may be in a path.

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../platform/descriptor.h"
#include "../platform/directory_lock.h"
#include "../platform/file_name.h"
#include "../platform/futex.h"
#include "../platform/local_socket.h"
#include "../platform/mapping.h"
#include "../platform/process_identity.h"
#include "check.h"
#include "open_descriptors.h"

namespace entropynet {
namespace {

constexpr std::size_t kBytes = 65536;

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

#ifdef __linux__
// Linux before 6.12 unmaps before it notices that there is no memory for the new mapping. The limit makes the
// new mapping fail on every Linux.
void TestWithdrawalWithoutMemory() {
  OwnedDescriptor created;
  Mapping mapping;
  CHECK(CreateSharedMemory(kBytes, &created).Ok() && mapping.Map(created.Get(), kBytes).Ok());
  void* const data = mapping.Data();
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    rlimit before;
    CHECK(::getrlimit(RLIMIT_DATA, &before) == 0);
    // Linux does not enforce 0.
    const rlimit least{1, before.rlim_max};
    CHECK(::setrlimit(RLIMIT_DATA, &least) == 0 && ::munmap(data, kBytes) == 0);
    mapping.Withdraw();
    CHECK(::setrlimit(RLIMIT_DATA, &before) == 0);
    // Nobody else gets the addresses.
    void* const taken = ::mmap(data, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(taken != MAP_FAILED && taken != data);
    ::_exit(0);
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

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

// With the argument "withdrawal" only that test, for which a thread sanitizer gets no memory.
int main(int count, char**) {
#ifdef __linux__
  if (count > 1) {
    entropynet::TestWithdrawalWithoutMemory();
    return 0;
  }
#endif
  const int before = entropynet::OpenDescriptors();
  entropynet::TestLocalSockets();
  entropynet::TestDirectoryLock();
  entropynet::TestFileLock();
  entropynet::TestFutex();
  entropynet::TestProcessIdentity();
  CHECK(entropynet::OpenDescriptors() == before);
  return 0;
}
