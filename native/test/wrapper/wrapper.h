// What the tests of entropynet.hpp share.
#ifndef ENTROPYNET_WRAPPER_TEST_H
#define ENTROPYNET_WRAPPER_TEST_H

#include <chrono>
#include <string>

#include "entropynet.hpp"

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

// The name of the running test, for failures.
extern const char* test;
// The discovery directory of all tests.
extern std::string folder;

// Counts and prints a failure.
void Expect(bool condition, const char* text, int line);
#define EXPECT(condition) Expect((condition), #condition, __LINE__)

struct Pair {
  Server server;
  Connection client;
  Connection peer;
};

Options OptionsHere();

// Makes the two sides of a connection. The client waits for the server's Accept(), so it connects on another
// thread. A failure here ends the program, because nothing else could be tested.
Pair Connected(const Options& options = OptionsHere());

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

// Waits for the next message and receives it.
Result<Message> ReceiveNext(Connection& connection, Channel channel = entropynet::kAnyChannel);

void TestOutcomes();
void TestViews();
void TestMessages();
void TestClaims();
void TestCallbacks();
void TestEndInsideCallback();
void TestBackpressure();
void TestChannels();
void TestClosedChannels();
void TestServer();
void TestConnecting();
void TestEnds();

#endif  // ENTROPYNET_WRAPPER_TEST_H
