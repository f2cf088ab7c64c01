/** The side that listens; see entropynet.hpp. */
#ifndef ENTROPYNET_SERVER_HPP
#define ENTROPYNET_SERVER_HPP

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "connection.hpp"

namespace entropynet {

/** An endpoint that clients connect to. */
class Server {
 public:
  /** Decides about one more client. Must not use the server and must not throw. */
  using Admit = std::function<bool()>;

  /** Listens on an endpoint; see en_listen(). With `admit`, it decides in Accept() about each client. */
  static Result<Server> Listen(const char* endpoint, const Options& options = {}, Admit admit = nullptr) {
    Server server;
    Options given = options;
    if (admit) {
      server.admit_ = std::make_unique<Admit>(std::move(admit));
      given.admit = &AskAdmit;
      given.admit_user = server.admit_.get();
    }
    const Status status(en_listen(endpoint, &given, &server.server_));
    if (!status.Ok()) return status;
    return server;
  }
  static Result<Server> Listen(const std::string& endpoint, const Options& options = {},
                               Admit admit = nullptr) {
    return Listen(endpoint.c_str(), options, std::move(admit));
  }

  Server(Server&& other) noexcept
      : server_(std::exchange(other.server_, nullptr)), admit_(std::move(other.admit_)) {}
  Server& operator=(Server&& other) noexcept {
    Server taken(std::move(other));
    std::swap(server_, taken.server_);
    std::swap(admit_, taken.admit_);
    return *this;
  }
  /** Releases the endpoint. Accepted connections continue. */
  ~Server() { en_server_free(server_); }

  /** The server of the C library; null if this object is empty. This object still owns it. */
  [[nodiscard]] en_server* Handle() const { return server_; }

  /** Returns the next client; see en_accept(). Handshakes run only inside this call. */
  Result<Connection> Accept(Timeout timeout) {
    en_connection* connection = nullptr;
    const Status status(en_accept(server_, timeout.Milliseconds(), &connection));
    if (!status.Ok()) return status;
    return Connection(connection);
  }

  /** For the program's own event loop; see en_server_descriptor(). */
  [[nodiscard]] int Descriptor() const { return en_server_descriptor(server_); }

  /** Makes the current or the next Accept() return Code::kAborted. Every thread may call it. */
  void Interrupt() {
    if (server_ != nullptr) en_server_interrupt(server_);
  }

 private:
  Server() = default;

  static en_status AskAdmit(void* user) noexcept {
    return (*static_cast<Admit*>(user))() ? EN_OK : EN_RESOURCE_LIMIT_EXCEEDED;
  }

  en_server* server_ = nullptr;
  std::unique_ptr<Admit> admit_;
};

}  // namespace entropynet

#endif
