// Outcomes, views, messages, claims and backpressure.

#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "wrapper.h"

static_assert(!std::is_copy_constructible_v<Connection> && std::is_nothrow_move_constructible_v<Connection>);
static_assert(!std::is_copy_constructible_v<Connecting> && std::is_nothrow_move_constructible_v<Connecting>);
static_assert(!std::is_copy_constructible_v<Server> && std::is_nothrow_move_constructible_v<Server>);
static_assert(!std::is_copy_constructible_v<Claim> && std::is_nothrow_move_constructible_v<Claim>);
static_assert(std::is_convertible_v<entropynet::MutableByteView, entropynet::ByteView>);
static_assert(!std::is_convertible_v<entropynet::ByteView, entropynet::MutableByteView>);
static_assert(Timeout(1500us).Milliseconds() == 2 && Timeout(-1s).Milliseconds() == 0);
static_assert(Timeout(std::chrono::hours(24 * 365)).Milliseconds() == std::numeric_limits<int>::max());
static_assert(Timeout::Forever().Milliseconds() == -1 && Timeout::None().Milliseconds() == 0);

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
  EXPECT(Status(EN_SHARED_MEMORY_SIZE_MISMATCH) == Code::kSharedMemorySizeMismatch);
  EXPECT(Status(EN_SHARED_MEMORY_NOT_AVAILABLE) == Code::kSharedMemoryNotAvailable);
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
