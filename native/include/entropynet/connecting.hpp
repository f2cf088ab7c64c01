/** Connecting without waiting; see entropynet.hpp. */
#ifndef ENTROPYNET_CONNECTING_HPP
#define ENTROPYNET_CONNECTING_HPP

#include <string>
#include <utility>

#include "connection.hpp"

namespace entropynet {

/** An attempt to connect, for a program that must not wait. Its end gives up an attempt that is under way. */
class Connecting {
 public:
  /** Begins to connect to an endpoint; see en_connect_start(). It only checks the arguments. */
  static Result<Connecting> Start(const char* endpoint, const Options& options = {}) {
    en_connecting* attempt = nullptr;
    const Status status(en_connect_start(endpoint, &options, &attempt));
    if (!status.Ok()) return status;
    return Connecting(attempt);
  }
  static Result<Connecting> Start(const std::string& endpoint, const Options& options = {}) {
    return Start(endpoint.c_str(), options);
  }

  Connecting(Connecting&& other) noexcept : attempt_(std::exchange(other.attempt_, nullptr)) {}
  Connecting& operator=(Connecting&& other) noexcept {
    Connecting taken(std::move(other));
    std::swap(attempt_, taken.attempt_);
    return *this;
  }
  /** The connection that Poll() gave stays open. */
  ~Connecting() { en_connect_free(attempt_); }

  /** Continues the attempt; see en_connect_poll(). Never waits. Code::kWouldBlock: call it again, each other
   * outcome ends the attempt. */
  Result<Connection> Poll() {
    en_connection* connection = nullptr;
    const Status status(en_connect_poll(attempt_, &connection));
    if (!status.Ok()) return status;
    return Connection(connection);
  }

  /** For the program's own event loop; see en_connect_descriptor(). -1: there is none now. */
  [[nodiscard]] int Descriptor() const { return en_connect_descriptor(attempt_); }
  /** The longest time, in milliseconds, until the next Poll(); see en_connect_wait_ms(). */
  [[nodiscard]] int WaitMs() const { return en_connect_wait_ms(attempt_); }

 private:
  explicit Connecting(en_connecting* attempt) : attempt_(attempt) {}

  en_connecting* attempt_;
};

}  // namespace entropynet

#endif
