// Servers, and connecting without waiting.

#include <thread>

#include "wrapper.h"

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
  EXPECT(attempt->WaitMs() > 0);
  EXPECT(server->Accept(Timeout::None()).GetStatus() == Code::kWouldBlock);
  Connecting moved = *std::move(attempt);
  EXPECT(attempt->WaitMs() == 0);
  EXPECT(attempt->Descriptor() == -1 && attempt->Poll().GetStatus() == Code::kInvalidParameter);
  auto client = moved.Poll();
  EXPECT(client.Ok() && moved.Poll().GetStatus() == Code::kInvalidParameter);
  auto peer = server->Accept(Timeout::None());
  EXPECT(peer.Ok() && client->TrySend(entropynet::BytesOf("hello")).Ok());
  EXPECT(entropynet::TextOf(ReceiveNext(*peer)->bytes) == "hello");
}
