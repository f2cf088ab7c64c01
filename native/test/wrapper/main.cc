// Tests entropynet.hpp with a server and clients in one process. Prints the failures; the exit code is then
// 1.

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "wrapper.h"

const char* test = "";
std::string folder;

namespace {

int failures = 0;
int names = 0;

}  // namespace

void Expect(bool condition, const char* text, int line) {
  if (condition) return;
  failures++;
  std::printf("%s: line %d: %s is false (%s)\n", test, line, text, en_last_error()->message);
}

Options OptionsHere() {
  Options options;
  options.directory = folder.c_str();
  return options;
}

Pair Connected(const Options& options) {
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

Result<Message> ReceiveNext(Connection& connection, Channel channel) {
  for (;;) {
    auto message = connection.Receive(channel);
    if (message.Ok() || message.GetStatus() != Code::kWouldBlock) return message;
    const Status waited = connection.Wait(kLimit);
    if (!waited.Ok()) return waited;
  }
}

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
  TestClosedChannels();
  TestServer();
  TestConnecting();
  TestEnds();
  // The server leaves no file, so the folder is empty.
  test = "names";
  EXPECT(std::remove(name) == 0);
  if (failures == 0) std::printf("entropynet.hpp: all tests passed\n");
  return failures == 0 ? 0 : 1;
}
