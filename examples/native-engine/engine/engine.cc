// An engine that computes a scene 60 times a second and shows every change to its editors.
//
//   engine ENDPOINT OBJECTS [DIRECTORY]
//
// It runs until it gets SIGTERM or SIGINT, then says what it did. One thread does everything: between two
// frames it sleeps in poll() on the descriptors of the server and of the connections.

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "entropynet.hpp"
#include "scene.h"

namespace {

using engine::Scene;
using engine::Update;
using entropynet::ByteView;
using entropynet::Code;
using entropynet::Connection;
using entropynet::Message;
using entropynet::Status;
using entropynet::Timeout;
using Clock = std::chrono::steady_clock;

constexpr auto kFrame = std::chrono::nanoseconds(1'000'000'000 / 60);
// The longest asset that an editor may upload.
constexpr std::uint32_t kMostAssetBytes = 256 * 1024 * 1024;

volatile std::sig_atomic_t is_stopped = 0;

struct Counts {
  unsigned long long frames = 0;
  unsigned long long late = 0;
  unsigned long long updates = 0;
  unsigned long long wrong_changes = 0;
};

// FNV-1a, so that the editor can tell that an asset arrived as it was sent.
std::uint32_t ChecksumOf(ByteView bytes) {
  std::uint32_t hash = 2166136261U;
  for (const std::byte byte : bytes) hash = (hash ^ std::to_integer<std::uint32_t>(byte)) * 16777619U;
  return hash;
}

// One editor, and what it does not know yet.
class Editor {
 public:
  Editor(Connection connection, Scene* scene, Counts* counts)
      : connection_(std::move(connection)), scene_(scene), counts_(counts), known_(scene->Size(), 0) {
    // In the ring: a change is 16 bytes, copied before it is checked.
    const Status changes = connection_.OnMessage([this](const Message& message) { OnChange(message.bytes); },
                                                 entropynet::Delivery::kInRing);
    const Status events = connection_.OnEvent([this](const entropynet::Event& event) { OnEvent(event); });
    // A new connection takes both.
    if (!changes.Ok() || !events.Ok()) std::abort();
  }
  // The callbacks hold its address.
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  // Takes what has arrived; false once the editor has left.
  bool Poll() { return connection_.Poll().Ok(); }

  // True: the descriptor becomes readable when there is something to poll. False: there is something already.
  bool Arm() { return connection_.Arm(); }
  [[nodiscard]] int Descriptor() const { return connection_.Descriptor(); }

  // Sends what has changed since the editor learned of it. Without room the rest waits for the next frame,
  // with the values of then: an editor that is slow gets fewer updates, and no old ones.
  void Show(std::uint32_t frame, double milliseconds) {
    for (std::size_t count = 0; count < known_.size(); count++) {
      const std::size_t index = next_;
      if (known_[index] != scene_->Version(index)) {
        if (!Send(scene_->Get(index))) return;
        known_[index] = scene_->Version(index);
        counts_->updates++;
      }
      next_ = index + 1 == known_.size() ? 0 : index + 1;
    }
    // An editor that has no room for the mark gets the next one.
    Send({frame, engine::kEndOfFrame, milliseconds});
  }

 private:
  bool Send(const Update& update) { return connection_.TrySend(entropynet::BytesOfObject(update)).Ok(); }

  void OnChange(ByteView bytes) {
    Update change;
    if (bytes.size() != sizeof change) {
      counts_->wrong_changes++;
      return;
    }
    std::memcpy(&change, bytes.data(), sizeof change);
    if (!scene_->Apply(change)) counts_->wrong_changes++;
  }

  void OnEvent(const entropynet::Event& event) {
    if (event.type != entropynet::EventType::kChannelOpened) return;
    const auto info = connection_.GetChannel(event.channel);
    if (!info.Ok() || std::string(info->name) != "asset-upload") return;
    // An asset comes as one message, whole, however many frames its parts took.
    const Status status = connection_.OnMessage(
        event.channel, [this](const Message& asset) { OnAsset(asset.bytes, asset.channel); });
    if (!status.Ok()) std::abort();
  }

  void OnAsset(ByteView bytes, entropynet::Channel channel) {
    const std::string answer = std::to_string(bytes.size()) + " " + std::to_string(ChecksumOf(bytes));
    // An editor that does not read its answers gets none.
    static_cast<void>(connection_.TrySend(channel, entropynet::BytesOf(answer)));
  }

  Connection connection_;
  Scene* scene_;
  Counts* counts_;
  // The version of each value that the editor has got.
  std::vector<std::uint32_t> known_;
  std::size_t next_ = 0;
};

int Fail(const char* what, Status status) {
  std::fprintf(stderr, "%s: %s (%s)\n", what, status.Message(), status.Name());
  return 1;
}

class Engine {
 public:
  Engine(entropynet::Server server, std::uint32_t objects) : server_(std::move(server)), scene_(objects) {}

  // Computes frames until a signal comes.
  Counts Run() {
    auto next = Clock::now() + kFrame;
    while (is_stopped == 0) {
      Serve(next);
      const auto start = Clock::now();
      // A frame counts as late when the next one should have begun.
      if (start >= next + kFrame) {
        counts_.late++;
        next = start;
      }
      scene_.Step(std::chrono::duration<double>(kFrame).count());
      const double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
      for (const auto& editor : editors_)
        editor->Show(static_cast<std::uint32_t>(counts_.frames), milliseconds);
      counts_.frames++;
      next += kFrame;
    }
    return counts_;
  }

 private:
  // Does what editors ask for until the next frame begins, and sleeps in between.
  void Serve(Clock::time_point end) {
    do {
      AcceptEditors();
      bool may_sleep = true;
      for (auto editor = editors_.begin(); editor != editors_.end();) {
        if (!(*editor)->Poll()) {
          editor = editors_.erase(editor);
          continue;
        }
        // False: something has come since.
        if (!(*editor)->Arm()) may_sleep = false;
        ++editor;
      }
      if (may_sleep) SleepUntil(end);
    } while (Clock::now() < end && is_stopped == 0);
  }

  void AcceptEditors() {
    for (;;) {
      auto connection = server_.Accept(Timeout::None());
      // Nobody waits; or a client could not be taken, and the next call says more.
      if (!connection.Ok()) return;
      editors_.push_back(std::make_unique<Editor>(*std::move(connection), &scene_, &counts_));
    }
  }

  void SleepUntil(Clock::time_point end) {
    std::vector<pollfd> watched{{server_.Descriptor(), POLLIN, 0}};
    for (const auto& editor : editors_) watched.push_back({editor->Descriptor(), POLLIN, 0});
    const auto left = std::max(Clock::duration::zero(), end - Clock::now());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{seconds.count(),
                           static_cast<long>(std::chrono::nanoseconds(left - seconds).count())};
    // A signal ends it, too.
    static_cast<void>(ppoll(watched.data(), watched.size(), &timeout, nullptr));
  }

  entropynet::Server server_;
  Scene scene_;
  Counts counts_;
  std::vector<std::unique_ptr<Editor>> editors_;
};

}  // namespace

int main(int count, char** words) {
  const unsigned long objects = count > 2 ? std::strtoul(words[2], nullptr, 10) : 0;
  if (count < 3 || count > 4 || objects < 1 || objects > 1'000'000) {
    std::fprintf(stderr, "usage: engine ENDPOINT OBJECTS [DIRECTORY], with 1 to 1000000 objects\n");
    return 2;
  }
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { is_stopped = 1; });

  entropynet::Options options;
  options.directory = count > 3 ? words[3] : nullptr;
  options.region_size = 16 * 1024 * 1024;
  options.max_message_size = kMostAssetBytes;
  auto server = entropynet::Server::Listen(words[1], options);
  if (!server.Ok()) return Fail("the engine can't listen", server.GetStatus());
  std::printf("listening\n");
  std::fflush(stdout);

  const Counts counts = Engine(*std::move(server), static_cast<std::uint32_t>(objects)).Run();
  std::printf("%llu frames, %llu late, %llu updates, %llu wrong changes\n", counts.frames, counts.late,
              counts.updates, counts.wrong_changes);
  return 0;
}
