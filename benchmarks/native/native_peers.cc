/*
 * Peers in C++ through the library, for the benchmark.
 * Usage: native_peers spin | sleep | rate DIRECTORY
 *        native_peers peer DIRECTORY ENDPOINT
 * The first three are two processes in C++, made by fork, each on a core of its own where there are two. They
 * print one line of JSON, as limits.cc does. "peer" plays the other end of the workloads, as play-peer.ts
 * does, and ends with its connection.
 */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <entropynet.hpp>

namespace {

using entropynet::ByteView;
using entropynet::Connection;
using entropynet::Message;
using entropynet::Options;
using entropynet::Timeout;

constexpr std::size_t kMessageBytes = 64;
constexpr int kWarmUpRoundTrips = 20'000;
constexpr int kSpinningRoundTrips = 200'000;
constexpr int kSleepingRoundTrips = 10'000;
constexpr std::uint64_t kMessages = 5'000'000;
constexpr const char* kEndpoint = "native";

// The tasks of subject.ts.
constexpr std::byte kEcho{0};
constexpr std::byte kCount{1};
constexpr std::byte kTotal{2};
constexpr std::byte kLastByte{0xa5};
// How long a peer of Node.js looks for messages before it sleeps.
constexpr std::uint32_t kPeerSpinMicroseconds = 200;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "native_peers: %s: %s\n", what, en_last_error()->message);
  std::_Exit(1);
}

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

// A side of the two in C++.
struct Side {
  Connection connection;

  // Returns whether the connection still stands.
  bool Turn() {
    static_cast<void>(connection.Wait(Timeout::Forever()));
    return connection.Poll().Ok();
  }

  void Send(ByteView message) {
    while (!connection.TrySend(message).Ok()) {
      if (!connection.Poll().Ok()) Fail("the connection ended");
    }
  }
};

void Echo(Side* side) {
  const auto echo = [side](const Message& message) { side->Send(message.bytes); };
  if (!side->connection.OnMessage(echo, entropynet::Delivery::kInRing).Ok()) Fail("OnMessage");
  while (side->Turn()) {
  }
}

void RoundTrips(Side* side, int warm_up, int count) {
  const std::vector<std::byte> message(kMessageBytes, std::byte{1});
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(count));
  bool has_come = false;
  const auto take = [&has_come](const Message& answer) { has_come = answer.bytes.size() == kMessageBytes; };
  if (!side->connection.OnMessage(take, entropynet::Delivery::kInRing).Ok()) Fail("OnMessage");
  for (int index = 0; index < warm_up + count; index++) {
    const double sent = Microseconds();
    has_come = false;
    side->Send(ByteView(message.data(), message.size()));
    while (!has_come) {
      if (!side->Turn()) Fail("the connection ended");
    }
    if (index >= warm_up) times.push_back(Microseconds() - sent);
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"p50\":%.4f,\"p99\":%.4f}\n", times[times.size() / 2], times[times.size() * 99 / 100]);
}

void CountMessages(Side* side) {
  std::uint64_t count = 0;
  const auto take = [&count](const Message&) { count++; };
  if (!side->connection.OnMessage(take, entropynet::Delivery::kInRing).Ok()) Fail("OnMessage");
  while (count < kMessages) {
    if (!side->Turn()) Fail("the connection ended");
  }
  side->Send(ByteView());
  while (side->Turn()) {
  }
}

void SendMessages(Side* side) {
  const std::vector<std::byte> message(kMessageBytes, std::byte{1});
  bool has_answered = false;
  const auto take = [&has_answered](const Message&) { has_answered = true; };
  if (!side->connection.OnMessage(take).Ok()) Fail("OnMessage");
  const double start = Microseconds();
  for (std::uint64_t index = 0; index < kMessages; index++)
    side->Send(ByteView(message.data(), message.size()));
  while (!has_answered) {
    if (!side->Turn()) Fail("the connection ended");
  }
  const double seconds = (Microseconds() - start) / 1e6;
  std::printf("{\"messagesPerSecond\":%.0f}\n", static_cast<double>(kMessages) / seconds);
}

// The process that does not measure: the client.
void Answer(const char* mode, const Options& options, int listening) {
  char byte;
  if (read(listening, &byte, 1) != 1) std::_Exit(1);
  auto connected = Connection::Connect(kEndpoint, options);
  if (!connected.Ok()) Fail("Connect");
  Side side{std::move(*connected)};
  if (std::strcmp(mode, "rate") == 0) {
    CountMessages(&side);
  } else {
    Echo(&side);
  }
}

void Measure(const char* mode, const Options& options, int listening) {
  auto server = entropynet::Server::Listen(kEndpoint, options);
  if (!server.Ok()) Fail("Listen");
  if (write(listening, "", 1) != 1) std::_Exit(1);
  auto accepted = server->Accept(std::chrono::seconds(10));
  if (!accepted.Ok()) Fail("Accept");
  Side side{std::move(*accepted)};
  if (std::strcmp(mode, "rate") == 0) {
    SendMessages(&side);
  } else if (std::strcmp(mode, "sleep") == 0) {
    RoundTrips(&side, 0, kSleepingRoundTrips);
  } else {
    RoundTrips(&side, kWarmUpRoundTrips, kSpinningRoundTrips);
  }
}

int MeasurePair(const char* mode, Options options) {
  // Sides that do not sleep look for messages all the time.
  if (std::strcmp(mode, "sleep") != 0) options.spin_us = 1'000'000;
  int listening[2];
  if (pipe(listening) != 0) return 1;
  const pid_t child = fork();
  if (child < 0) return 1;
  // A child that spins must not outlive its parent, however that ends.
  if (child == 0) static_cast<void>(prctl(PR_SET_PDEATHSIG, SIGKILL));
  PinTo(child == 0 ? 1 : 0);
  if (child == 0) {
    Answer(mode, options, listening[0]);
    std::_Exit(0);
  }
  Measure(mode, options, listening[1]);
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

// The other end of a driver in Node.js.
class Peer {
 public:
  explicit Peer(Connection connection) : connection_(std::move(connection)) {}

  void Run() {
    const auto take = [this](const Message& message) { Take(message.bytes); };
    if (!connection_.OnMessage(take, entropynet::Delivery::kInRing).Ok()) Fail("OnMessage");
    while (connection_.Poll().Ok()) static_cast<void>(connection_.Wait(Timeout::Forever()));
  }

 private:
  void Take(ByteView message) {
    const std::byte task = message[0];
    if (task == kEcho) {
      Send(message);
    } else if (task == kCount) {
      count_++;
      if (message[message.size() - 1] != kLastByte) is_damaged_ = true;
    } else if (task == kTotal) {
      const double total = is_damaged_ ? std::numeric_limits<double>::quiet_NaN() : count_;
      std::byte answer[8 + sizeof total] = {kTotal};
      std::memcpy(answer + 8, &total, sizeof total);
      count_ = 0;
      Send(ByteView(answer, sizeof answer));
    }
  }

  // There is room: the driver has at most 64 messages under way for which it wants an answer.
  void Send(ByteView message) {
    if (!connection_.TrySend(message).Ok()) Fail("an answer could not be sent");
  }

  Connection connection_;
  double count_ = 0;
  bool is_damaged_ = false;
};

int PlayPeer(Options options, const char* endpoint) {
  options.spin_us = kPeerSpinMicroseconds;
  auto connected = Connection::Connect(endpoint, options);
  if (!connected.Ok()) Fail("Connect");
  Peer(std::move(*connected)).Run();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string mode = count >= 3 ? arguments[1] : "";
  Options options;
  if (count >= 3) options.directory = arguments[2];
  if (mode == "peer" && count == 4) return PlayPeer(options, arguments[3]);
  if ((mode == "spin" || mode == "sleep" || mode == "rate") && count == 3)
    return MeasurePair(mode.c_str(), options);
  std::fprintf(
      stderr, "usage: native_peers spin|sleep|rate DIRECTORY\n       native_peers peer DIRECTORY ENDPOINT\n");
  return 2;
}
