/*
 * What this machine can do at best, without any runtime: the figures that a transport is compared with.
 * Usage: limits spin | distance | sleep | rate | memcpy
 * Prints one line of JSON. Two processes, made by fork, each on a core of its own where there are two; memory
 * is shared by an anonymous mapping.
 */
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace {

constexpr std::size_t kMessageBytes = 64;
constexpr std::size_t kSlots = 4096;
constexpr int kWarmUpRoundTrips = 20'000;
constexpr int kSpinningRoundTrips = 200'000;
constexpr int kDistanceRoundTrips = 5'000;
constexpr int kSleepingRoundTrips = 10'000;
constexpr std::uint64_t kMessages = 20'000'000;

// A ring for one producer and one consumer: positions on cache lines of their own, slots of one message.
struct Ring {
  alignas(64) std::atomic<std::uint64_t> tail;
  alignas(64) std::atomic<std::uint64_t> head;
  alignas(64) std::uint8_t slots[kSlots][kMessageBytes];
};

struct Shared {
  Ring to_peer;
  Ring to_driver;
  alignas(64) std::atomic<std::uint32_t> ping;
  alignas(64) std::atomic<std::uint32_t> pong;
};

double Microseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(now).count();
}

// Whatever this process inherited: the benchmark's driver is pinned to one core itself.
void PinTo(unsigned core) {
  const auto cores = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core % cores, &only);
  static_cast<void>(sched_setaffinity(0, sizeof only, &only));
}

void Put(Ring* ring, std::uint64_t position, const std::uint8_t* message) {
  while (position - ring->head.load(std::memory_order_acquire) >= kSlots) {
  }
  std::memcpy(ring->slots[position % kSlots], message, kMessageBytes);
  ring->tail.store(position + 1, std::memory_order_release);
}

void Take(Ring* ring, std::uint64_t position, std::uint8_t* message) {
  while (ring->tail.load(std::memory_order_acquire) == position) {
  }
  std::memcpy(message, ring->slots[position % kSlots], kMessageBytes);
  ring->head.store(position + 1, std::memory_order_release);
}

void Wait(std::atomic<std::uint32_t>* word, std::uint32_t while_it_is) {
  while (word->load(std::memory_order_acquire) == while_it_is) {
    syscall(SYS_futex, word, FUTEX_WAIT, while_it_is, nullptr, nullptr, 0);
  }
}

void Wake(std::atomic<std::uint32_t>* word, std::uint32_t value) {
  word->store(value, std::memory_order_release);
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void PrintRoundTrips(std::vector<double>* times) {
  std::sort(times->begin(), times->end());
  std::printf("{\"p50\":%.4f,\"p99\":%.4f}\n", (*times)[times->size() / 2],
              (*times)[times->size() * 99 / 100]);
}

void RoundTrips(Shared* shared, bool is_driver, int warm_up, int count) {
  std::uint8_t message[kMessageBytes] = {1};
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(count));
  for (int index = 0; index < warm_up + count; index++) {
    const auto position = static_cast<std::uint64_t>(index);
    if (!is_driver) {
      Take(&shared->to_peer, position, message);
      Put(&shared->to_driver, position, message);
      continue;
    }
    const double sent = Microseconds();
    Put(&shared->to_peer, position, message);
    Take(&shared->to_driver, position, message);
    if (index >= warm_up) times.push_back(Microseconds() - sent);
  }
  if (is_driver) PrintRoundTrips(&times);
}

void Spin(Shared* shared, bool is_driver) {
  RoundTrips(shared, is_driver, kWarmUpRoundTrips, kSpinningRoundTrips);
}

/** The same in a few milliseconds: enough to tell whether the processors share a cache. */
void Distance(Shared* shared, bool is_driver) {
  RoundTrips(shared, is_driver, kDistanceRoundTrips, kDistanceRoundTrips);
}

void Sleep(Shared* shared, bool is_driver) {
  std::vector<double> times;
  for (std::uint32_t turn = 0; turn < kSleepingRoundTrips; turn++) {
    if (!is_driver) {
      Wait(&shared->ping, turn);
      Wake(&shared->pong, turn + 1);
      continue;
    }
    const double sent = Microseconds();
    Wake(&shared->ping, turn + 1);
    Wait(&shared->pong, turn);
    times.push_back(Microseconds() - sent);
  }
  if (is_driver) PrintRoundTrips(&times);
}

void Rate(Shared* shared, bool is_driver) {
  std::uint8_t message[kMessageBytes] = {1};
  const double start = Microseconds();
  for (std::uint64_t position = 0; position < kMessages; position++) {
    if (is_driver) {
      Put(&shared->to_peer, position, message);
    } else {
      Take(&shared->to_peer, position, message);
    }
  }
  if (!is_driver) return;
  while (shared->to_peer.head.load(std::memory_order_acquire) != kMessages) {
  }
  const double seconds = (Microseconds() - start) / 1e6;
  std::printf("{\"messagesPerSecond\":%.0f}\n", static_cast<double>(kMessages) / seconds);
}

// Bandwidth of copying blocks of `bytes`, each to another place than the one before.
double CopyBandwidth(std::size_t bytes) {
  constexpr std::size_t kArena = std::size_t{64} << 20;
  const std::unique_ptr<std::uint8_t[]> from(new std::uint8_t[kArena]);
  const std::unique_ptr<std::uint8_t[]> to(new std::uint8_t[kArena]);
  std::memset(from.get(), 1, kArena);
  std::memset(to.get(), 2, kArena);
  double best = 0;
  for (int round = 0; round < 5; round++) {
    const double start = Microseconds();
    for (std::size_t at = 0; at + bytes <= kArena; at += bytes) std::memcpy(&to[at], &from[at], bytes);
    best = std::max(best, static_cast<double>(kArena / bytes * bytes) / (Microseconds() - start) * 1e6);
  }
  return best;
}

}  // namespace

int main(int count, char** arguments) {
  const char* mode = count == 2 ? arguments[1] : "";
  if (std::strcmp(mode, "memcpy") == 0) {
    std::printf("{\"bytesPerSecond\":{\"1048576\":%.0f,\"16777216\":%.0f}}\n", CopyBandwidth(1 << 20),
                CopyBandwidth(16 << 20));
    return 0;
  }
  void (*run)(Shared*, bool) = nullptr;
  if (std::strcmp(mode, "spin") == 0) run = Spin;
  if (std::strcmp(mode, "distance") == 0) run = Distance;
  if (std::strcmp(mode, "sleep") == 0) run = Sleep;
  if (std::strcmp(mode, "rate") == 0) run = Rate;
  if (run == nullptr) {
    std::fprintf(stderr, "usage: limits spin | distance | sleep | rate | memcpy\n");
    return 2;
  }
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  auto* shared = static_cast<Shared*>(memory);
  const pid_t child = fork();
  if (child < 0) return 1;
  // A child that spins must not outlive its parent, however that ends.
  if (child == 0) static_cast<void>(prctl(PR_SET_PDEATHSIG, SIGKILL));
  PinTo(child == 0 ? 1 : 0);
  run(shared, child != 0);
  if (child == 0) _exit(0);
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
