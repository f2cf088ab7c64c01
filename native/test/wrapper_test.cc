// Tests entropynet.hpp with a server and clients in one process. Prints the failures; the exit code is then
// 1.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "entropynet.hpp"

namespace {

using entropynet::Channel;
using entropynet::Claim;
using entropynet::Code;
using entropynet::Connecting;
using entropynet::Connection;
using entropynet::Delivery;
using entropynet::Event;
using entropynet::EventType;
using entropynet::Message;
using entropynet::Options;
using entropynet::Result;
using entropynet::Server;
using entropynet::State;
using entropynet::Status;
using entropynet::Timeout;
using namespace std::chrono_literals;

// A limit that means that a call hangs. No wait needs this time.
constexpr auto kLimit = 20s;

static_assert(!std::is_copy_constructible_v<Connection> && std::is_nothrow_move_constructible_v<Connection>);
static_assert(!std::is_copy_constructible_v<Connecting> && std::is_nothrow_move_constructible_v<Connecting>);
static_assert(!std::is_copy_constructible_v<Server> && std::is_nothrow_move_constructible_v<Server>);
static_assert(!std::is_copy_constructible_v<Claim> && std::is_nothrow_move_constructible_v<Claim>);
static_assert(std::is_convertible_v<entropynet::MutableByteView, entropynet::ByteView>);
static_assert(!std::is_convertible_v<entropynet::ByteView, entropynet::MutableByteView>);
static_assert(Timeout(1500us).Milliseconds() == 2 && Timeout(-1s).Milliseconds() == 0);
static_assert(Timeout(std::chrono::hours(24 * 365)).Milliseconds() == std::numeric_limits<int>::max());
static_assert(Timeout::Forever().Milliseconds() == -1 && Timeout::None().Milliseconds() == 0);

int failures = 0;
const char* test = "";

void Expect(bool condition, const char* text, int line) {
  if (condition) return;
  failures++;
  std::printf("%s: line %d: %s is false (%s)\n", test, line, text, en_last_error()->message);
}
#define EXPECT(condition) Expect((condition), #condition, __LINE__)

std::string folder;
int names = 0;

struct Pair {
  Server server;
  Connection client;
  Connection peer;
};

Options OptionsHere() {
  Options options;
  options.directory = folder.c_str();
  return options;
}

// Makes the two sides of a connection. The client waits for the server's Accept(), so it connects on another
// thread. A failure here ends the program, because nothing else could be tested.
Pair Connected(const Options& options = OptionsHere()) {
  const std::string endpoint = "wrapper-" + std::to_string(names++);
  auto server = Server::Listen(endpoint, options);
  if (!server.Ok()) std::abort();
  Result<Connection> client = Status(Code::kAborted);
  std::thread connecting([&] { client = Connection::Connect(endpoint, options); });
  auto peer = server->Accept(kLimit);
  connecting.join();
  if (!client.Ok() || !peer.Ok()) std::abort();
  return {*std::move(server), *std::move(client), *std::move(peer)};
}

// Waits and polls until `done`, or until the connection has ended or the limit is over.
template <typename Done>
void PollUntil(Connection& connection, Done done) {
  const auto end = std::chrono::steady_clock::now() + kLimit;
  while (!done() && std::chrono::steady_clock::now() < end) {
    if (!connection.Wait(kLimit).Ok()) break;
    if (!connection.Poll().Ok()) break;
  }
  // The events of the end.
  static_cast<void>(connection.Poll());
}

Result<Message> ReceiveNext(Connection& connection, Channel channel = entropynet::kAnyChannel) {
  for (;;) {
    auto message = connection.Receive(channel);
    if (message.Ok() || message.GetStatus() != Code::kWouldBlock) return message;
    const Status waited = connection.Wait(kLimit);
    if (!waited.Ok()) return waited;
  }
}

void TestOutcomes() {
  test = "outcomes";
  EXPECT(Status().Ok() && std::string(Status().Message()).empty());
  const auto nobody = Connection::Connect("nobody-here", OptionsHere());
  EXPECT(!nobody.Ok() && !nobody && nobody.GetStatus() == Code::kTransportUnavailable);
  EXPECT(std::string(nobody.GetStatus().Name()) == "TransportUnavailable");
  // A sentence, not only the name.
  EXPECT(std::string(nobody.GetStatus().Message()).find(' ') != std::string::npos);
  // The sentence of another call does not belong to this one.
  EXPECT(std::string(Status(Code::kAlreadyExists).Message()) == "AlreadyExists");
  EXPECT(Connection::Connect("", OptionsHere()).GetStatus() == Code::kInvalidParameter);
}

void TestViews() {
  test = "views";
  const std::vector<float> floats = {1, 2, 3};
  EXPECT(entropynet::BytesOf(floats).size() == 12);
  EXPECT(entropynet::BytesOf("abc").size() == 3 && entropynet::BytesOf(std::string("a\0b", 3)).size() == 3);
  EXPECT(entropynet::BytesOfObject(std::uint64_t{7}).size() == 8);
  const auto view = entropynet::BytesOf("abcdef");
  EXPECT(entropynet::TextOf(view.Sub(2, 3)) == "cde" && entropynet::TextOf(view.Sub(4)) == "ef");
  EXPECT(view.Sub(6).empty() && view.Sub(SIZE_MAX).empty() && view.Sub(1, SIZE_MAX).size() == 5);
}

void TestMessages() {
  test = "messages";
  auto [server, client, peer] = Connected();
  EXPECT(client.Send(entropynet::BytesOf("hello"), kLimit).Ok());
  EXPECT(client.TrySend(entropynet::ByteView()).Ok());
  auto hello = ReceiveNext(peer);
  EXPECT(hello.Ok() && entropynet::TextOf(hello->bytes) == "hello");
  EXPECT(hello.Ok() && hello->channel == entropynet::kDefaultChannel);
  const auto empty = ReceiveNext(peer);
  EXPECT(empty.Ok() && empty->bytes.empty());
  EXPECT(peer.Receive().GetStatus() == Code::kWouldBlock);
  EXPECT(client.GetStats().messages_sent == 2 && peer.GetStats().bytes_received == 5);
  EXPECT(peer.GetInfo().is_server == 1 && client.GetInfo().is_server == 0);
}

void TestClaims() {
  test = "claims";
  auto [server, client, peer] = Connected();
  {
    auto dropped = client.ClaimRoom(100);
    EXPECT(dropped.Ok() && dropped->Bytes().size() == 100);
    EXPECT(client.TrySend(entropynet::BytesOf("held")) == Code::kWouldBlock);
  }
  auto claim = client.ClaimRoom(3);
  EXPECT(claim.Ok());
  for (auto& byte : claim->Bytes()) byte = std::byte{'x'};
  Claim moved = *std::move(claim);
  EXPECT(claim->Commit() == Code::kInvalidParameter);
  EXPECT(moved.Commit().Ok() && moved.Bytes().empty() && moved.Commit() == Code::kInvalidParameter);
  const auto received = ReceiveNext(peer);
  EXPECT(received.Ok() && entropynet::TextOf(received->bytes) == "xxx");
  EXPECT(client.GetStats().messages_sent == 1);
}

void TestCallbacks() {
  test = "callbacks";
  auto pair = Connected();
  Connection& client = pair.client;
  Connection& peer = pair.peer;
  std::vector<std::string> heard;
  const std::string captured(1000, 'c');
  EXPECT(peer.OnMessage([&, captured](const Message& message) {
               heard.emplace_back(entropynet::TextOf(message.bytes));
               // This replaces the running function, whose captures must last until it returns.
               EXPECT(peer.OnMessage([&](const Message& next) { heard.emplace_back(TextOf(next.bytes)); },
                                     Delivery::kInRing)
                          .Ok());
               heard.push_back(captured.substr(0, 1));
             })
             .Ok());
  EXPECT(peer.Receive(entropynet::kDefaultChannel).GetStatus() == Code::kAlreadyExists);
  for (const char* text : {"one", "two", "three"}) EXPECT(client.TrySend(entropynet::BytesOf(text)).Ok());
  PollUntil(peer, [&] { return heard.size() == 4; });
  EXPECT((heard == std::vector<std::string>{"one", "c", "two", "three"}));
  // Callbacks stay with the connection when it moves.
  Connection moved = std::move(peer);
  EXPECT(client.TrySend(entropynet::BytesOf("four")).Ok());
  PollUntil(moved, [&] { return heard.size() == 5; });
  EXPECT(heard.back() == "four");
  EXPECT(moved.OnMessage(nullptr).Ok());
  EXPECT(client.TrySend(entropynet::BytesOf("five")).Ok());
  const auto five = ReceiveNext(moved);
  EXPECT(five.Ok() && entropynet::TextOf(five->bytes) == "five");
}

void TestEndInsideCallback() {
  test = "a callback destroys its connection";
  auto pair = Connected();
  auto peer = std::make_unique<Connection>(std::move(pair.peer));
  int calls = 0;
  EXPECT(peer->OnMessage([&](const Message&) {
               calls++;
               peer.reset();
             })
             .Ok());
  EXPECT(pair.client.TrySend(entropynet::BytesOf("end")).Ok());
  EXPECT(peer->Wait(kLimit).Ok());
  static_cast<void>(peer->Poll());
  EXPECT(calls == 1 && peer == nullptr);
  PollUntil(pair.client, [] { return false; });
  EXPECT(pair.client.GetState() == State::kDisconnected);
  EXPECT(Status(pair.client.GetEnd().status) == Code::kConnectionClosed);
}

void TestBackpressure() {
  test = "backpressure";
  auto options = OptionsHere();
  options.channel_window = 16 * 1024;
  auto [server, client, peer] = Connected(options);
  int drains = 0;
  EXPECT(client.OnEvent([&](const Event& event) { drains += event.type == EventType::kDrain ? 1 : 0; }).Ok());
  int sent = 0;
  const std::string message(1000, 'b');
  while (client.TrySend(entropynet::BytesOf(message)).Ok()) sent++;
  // The window: each message costs 64 bytes more.
  EXPECT(sent == 15);
  EXPECT(client.Send(entropynet::BytesOf(message), 10ms) == Code::kTimeout);
  for (int received = 0; received < sent; received++) EXPECT(ReceiveNext(peer).Ok());
  PollUntil(client, [&] { return drains > 0; });
  EXPECT(drains == 1);
  EXPECT(client.TrySend(entropynet::BytesOf("more")).Ok());
}

void TestChannels() {
  test = "channels";
  auto [server, client, peer] = Connected();
  std::vector<EventType> events;
  EXPECT(peer.OnEvent([&](const Event& event) { events.push_back(event.type); }).Ok());
  std::thread polling([&peer = peer, &events] { PollUntil(peer, [&] { return !events.empty(); }); });
  auto opened = client.OpenChannel("scene", kLimit);
  polling.join();
  EXPECT(opened.Ok() && (events == std::vector<EventType>{EventType::kChannelOpened}));
  EXPECT(std::string(client.GetInfo().peer_library) == "c++ " EN_VERSION);
  EXPECT(std::string(peer.GetInfo().peer_library) == "c++ " EN_VERSION);
  const auto info = client.GetChannel(*opened);
  EXPECT(info.Ok() && std::string(info->name) == "scene" && info->state == EN_CHANNEL_OPEN);
  EXPECT(client.Send(*opened, entropynet::BytesOf("node"), kLimit).Ok());
  const auto theirs = peer.OpenChannel(std::string("scene"), kLimit);
  EXPECT(theirs.Ok());
  const auto node = ReceiveNext(peer, *theirs);
  EXPECT(node.Ok() && entropynet::TextOf(node->bytes) == "node" && node->channel == *theirs);
  EXPECT(client.CloseChannel(entropynet::kDefaultChannel, kLimit) == Code::kInvalidParameter);
  EXPECT(client.OpenChannel("", kLimit).GetStatus() == Code::kInvalidParameter);
}

void TestServer() {
  test = "server";
  auto options = OptionsHere();
  options.secret = "sixteen characters";
  bool is_open = false;
  auto server = Server::Listen("wrapper-server", options, [&] { return is_open; });
  EXPECT(server.Ok() && server->Descriptor() >= 0);
  EXPECT(Server::Listen("wrapper-server", options).GetStatus() == Code::kAddressInUse);
  EXPECT(server->Accept(Timeout::None()).GetStatus() == Code::kWouldBlock);
  Status refused;
  std::thread connecting([&] {
    refused = Connection::Connect("shm://wrapper-server", options).GetStatus();
    server->Interrupt();
  });
  EXPECT(server->Accept(kLimit).GetStatus() == Code::kAborted);
  connecting.join();
  EXPECT(refused == Code::kResourceLimitExceeded);
  is_open = true;
  // The decision moves with the server.
  Server moved = *std::move(server);
  Result<Connection> client = Status(Code::kAborted);
  std::thread admitted([&] { client = Connection::Connect("wrapper-server", options); });
  EXPECT(moved.Accept(kLimit).Ok());
  admitted.join();
  EXPECT(client.Ok());
}

// Both sides on one thread: neither waits.
void TestConnecting() {
  test = "connecting";
  auto server = Server::Listen("wrapper-connecting", OptionsHere());
  auto attempt = Connecting::Start(std::string("wrapper-connecting"), OptionsHere());
  EXPECT(server.Ok() && attempt.Ok() && attempt->Descriptor() == -1);
  EXPECT(Connecting::Start("", OptionsHere()).GetStatus() == Code::kInvalidParameter);
  EXPECT(attempt->Poll().GetStatus() == Code::kWouldBlock && attempt->Descriptor() >= 0);
  EXPECT(server->Accept(Timeout::None()).GetStatus() == Code::kWouldBlock);
  Connecting moved = *std::move(attempt);
  EXPECT(attempt->Descriptor() == -1 && attempt->Poll().GetStatus() == Code::kInvalidParameter);
  auto client = moved.Poll();
  EXPECT(client.Ok() && moved.Poll().GetStatus() == Code::kInvalidParameter);
  auto peer = server->Accept(Timeout::None());
  EXPECT(peer.Ok() && client->TrySend(entropynet::BytesOf("hello")).Ok());
  EXPECT(entropynet::TextOf(ReceiveNext(*peer)->bytes) == "hello");
}

void TestEnds() {
  test = "ends";
  auto [server, client, peer] = Connected();
  std::thread interrupting([&client = client] { client.Interrupt(); });
  EXPECT(client.Wait(kLimit) == Code::kAborted);
  interrupting.join();
  EXPECT(client.TrySend(entropynet::BytesOf("last")).Ok());
  EXPECT(client.Disconnect(kLimit).Ok() && !client.IsConnected());
  EXPECT(client.TrySend(entropynet::BytesOf("later")) == Code::kConnectionClosed);
  const auto last = ReceiveNext(peer);
  EXPECT(last.Ok() && entropynet::TextOf(last->bytes) == "last");
  EXPECT(ReceiveNext(peer).GetStatus() == Code::kConnectionClosed);

  Connection empty = std::move(client);
  EXPECT(client.Handle() == nullptr && client.Descriptor() == -1 && !client.Arm());
  EXPECT(client.Poll() == Code::kInvalidParameter && client.Wait(0ms) == Code::kInvalidParameter);
  EXPECT(client.TrySend(entropynet::BytesOf("x")) == Code::kInvalidParameter);
  EXPECT(client.OnMessage([](const Message&) {}) == Code::kInvalidParameter);
  EXPECT(client.ClaimRoom(1).GetStatus() == Code::kInvalidParameter);
  EXPECT(client.Receive().GetStatus() == Code::kInvalidParameter);
  EXPECT(client.GetState() == State::kFailed && client.GetStats().messages_sent == 0);
  client.Interrupt();
  // An object may get another connection: the one before it ends.
  auto pair = Connected();
  empty = std::move(pair.client);
  EXPECT(empty.IsConnected());
}

}  // namespace

int main() {
  char name[] = "/tmp/entropynet-wrapper-XXXXXX";
  if (mkdtemp(name) == nullptr) return 1;
  folder = name;
  TestOutcomes();
  TestViews();
  TestMessages();
  TestClaims();
  TestCallbacks();
  TestEndInsideCallback();
  TestBackpressure();
  TestChannels();
  TestServer();
  TestConnecting();
  TestEnds();
  // The server leaves no file, so the folder is empty.
  test = "names";
  EXPECT(std::remove(name) == 0);
  if (failures == 0) std::printf("entropynet.hpp: all tests passed\n");
  return failures == 0 ? 0 : 1;
}
