// Callbacks, channels and ends.

#include <memory>
#include <thread>
#include <vector>

#include "wrapper.h"

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

void TestClosedChannels() {
  test = "closed channels";
  auto [server, client, peer] = Connected();
  const auto captured = std::make_shared<int>(0);
  for (int i = 0; i < 200; i++) {
    const auto channel = client.OpenChannel("a", 0ms);
    EXPECT(channel.Ok() && client.OnMessage(*channel, [captured](const Message&) {}).Ok());
    EXPECT(client.CloseChannel(*channel, 0ms).Ok());
    while (client.GetChannel(*channel).Ok()) EXPECT(peer.Poll().Ok() && client.Poll().Ok());
  }
  EXPECT(captured.use_count() < 100);
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
