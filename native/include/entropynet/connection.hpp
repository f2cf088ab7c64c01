/** One side of a connection; see entropynet.hpp. */
#ifndef ENTROPYNET_CONNECTION_HPP
#define ENTROPYNET_CONNECTION_HPP

#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "values.hpp"

namespace entropynet {

/** Room for a message that the program writes in place. Without Commit() nothing is sent. Must not outlive
 * its connection. */
class Claim {
 public:
  Claim(Claim&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)), bytes_(std::exchange(other.bytes_, {})) {}
  Claim& operator=(Claim&& other) noexcept {
    Claim taken(std::move(other));
    std::swap(connection_, taken.connection_);
    std::swap(bytes_, taken.bytes_);
    return *this;
  }
  ~Claim() { GiveUp(); }

  /** Valid until Commit(), GiveUp(), Connection::Disconnect() or the end of this object or of the connection.
   * Aligned to 8. */
  [[nodiscard]] MutableByteView Bytes() const { return bytes_; }

  /** Sends the message. */
  Status Commit() {
    if (connection_ == nullptr) return Code::kInvalidParameter;
    bytes_ = {};
    return Status(en_commit(std::exchange(connection_, nullptr)));
  }

  /** Sends nothing. Has no effect if the claim was sent or given up before. */
  void GiveUp() {
    if (connection_ == nullptr) return;
    bytes_ = {};
    // This can't fail, because a claim is held.
    static_cast<void>(en_abort(std::exchange(connection_, nullptr)));
  }

 private:
  friend class Connection;
  Claim(en_connection* connection, MutableByteView bytes) : connection_(connection), bytes_(bytes) {}

  en_connection* connection_;
  MutableByteView bytes_;
};

/** One side of a connection. */
class Connection {
 public:
  using MessageCallback = std::function<void(const Message&)>;
  using EventCallback = std::function<void(const Event&)>;

  /** Connects to an endpoint, "canvas" for example; see en_connect(). */
  static Result<Connection> Connect(const char* endpoint, const Options& options = {}) {
    en_connection* connection = nullptr;
    const Status status(en_connect(endpoint, &options, &connection));
    if (!status.Ok()) return status;
    return Connection(connection);
  }
  static Result<Connection> Connect(const std::string& endpoint, const Options& options = {}) {
    return Connect(endpoint.c_str(), options);
  }

  /** Takes ownership of a connection of the C library that has no callback. */
  explicit Connection(en_connection* connection)
      : connection_(connection), callbacks_(std::make_shared<Callbacks>()) {}

  Connection(Connection&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)), callbacks_(std::move(other.callbacks_)) {}
  Connection& operator=(Connection&& other) noexcept {
    Connection taken(std::move(other));
    std::swap(connection_, taken.connection_);
    std::swap(callbacks_, taken.callbacks_);
    return *this;
  }
  /** Says goodbye without waiting, unless Disconnect() has. */
  ~Connection() { en_connection_free(connection_); }

  /** The connection of the C library; null if this object is empty. This object still owns it. */
  [[nodiscard]] en_connection* Handle() const { return connection_; }

  /** Sends a whole message and waits for room; see en_send(). The bytes may be reused at once. */
  Status Send(Channel channel, ByteView bytes, Timeout timeout) {
    return Status(en_send(connection_, channel.number, bytes.data(), bytes.size(), timeout.Milliseconds()));
  }
  Status Send(ByteView bytes, Timeout timeout) { return Send(kDefaultChannel, bytes, timeout); }

  /** Sends without waiting; see en_try_send(). Code::kWouldBlock: nothing was sent and EventType::kDrain
   * follows. */
  Status TrySend(Channel channel, ByteView bytes) {
    return Status(en_try_send(connection_, channel.number, bytes.data(), bytes.size()));
  }
  Status TrySend(ByteView bytes) { return TrySend(kDefaultChannel, bytes); }

  /** Room for a message of `length` bytes; see en_claim(). Other sends give Code::kWouldBlock until it ends.
   */
  Result<Claim> ClaimRoom(Channel channel, std::size_t length) {
    void* bytes = nullptr;
    const Status status(en_claim(connection_, channel.number, length, &bytes));
    if (!status.Ok()) return status;
    return Claim(connection_, MutableByteView(static_cast<std::byte*>(bytes), length));
  }
  Result<Claim> ClaimRoom(std::size_t length) { return ClaimRoom(kDefaultChannel, length); }

  /** Returns the next message; see en_receive(). Its bytes are valid until the next Receive() on this
   * connection. */
  Result<Message> Receive(Channel channel = kAnyChannel) {
    en_message message{};
    const Status status(en_receive(connection_, channel.number, &message));
    if (!status.Ok()) return status;
    return MessageOf(message);
  }

  /** Sets the consumer of a channel's messages; see en_on_message(). A null function removes it. The
   * message's bytes are valid until the callback returns. */
  Status OnMessage(Channel channel, MessageCallback callback, Delivery delivery = Delivery::kCopied) {
    if (connection_ == nullptr) return Code::kInvalidParameter;
    // They end after the rest, because what ends with them may use this object.
    const auto closed = callbacks_->TakeClosed(connection_);
    auto next = callback ? std::make_unique<MessageCallback>(std::move(callback)) : nullptr;
    const Status status(en_on_message(connection_, channel.number,
                                      next == nullptr ? nullptr : &DeliverMessage, next.get(),
                                      static_cast<unsigned>(delivery)));
    if (!status.Ok()) return status;
    auto& taken = callbacks_->messages[channel.number];
    std::swap(taken, next);
    callbacks_->Retire(std::move(next));
    if (taken == nullptr) callbacks_->messages.erase(channel.number);
    return status;
  }
  Status OnMessage(MessageCallback callback, Delivery delivery = Delivery::kCopied) {
    return OnMessage(kDefaultChannel, std::move(callback), delivery);
  }

  /** Sets the callback for events; see en_on_event(). */
  Status OnEvent(EventCallback callback) {
    if (connection_ == nullptr) return Code::kInvalidParameter;
    auto next = callback ? std::make_unique<EventCallback>(std::move(callback)) : nullptr;
    const Status status(en_on_event(connection_, next == nullptr ? nullptr : &DeliverEvent, next.get()));
    if (!status.Ok()) return status;
    std::swap(callbacks_->event, next);
    callbacks_->Retire(std::move(next));
    return status;
  }

  /** Reads what has arrived, calls the callbacks and writes queued messages; see en_poll(). Never waits. */
  Status Poll() {
    // A callback may destroy this object, so from here on only the local owner is used.
    const std::shared_ptr<Callbacks> callbacks = callbacks_;
    if (callbacks == nullptr) return Code::kInvalidParameter;
    callbacks->running++;
    const Status status(en_poll(connection_));
    if (--callbacks->running == 0) callbacks->Clear();
    return status;
  }

  /** Sleeps until there is something to poll or to receive; see en_wait(). */
  Status Wait(Timeout timeout) { return Status(en_wait(connection_, timeout.Milliseconds())); }

  /** Makes the current or the next Wait() return Code::kAborted. Every thread may call it. */
  void Interrupt() {
    if (connection_ != nullptr) en_interrupt(connection_);
  }

  /** For the program's own event loop; see en_descriptor() and Arm(). */
  [[nodiscard]] int Descriptor() const { return en_descriptor(connection_); }
  /** Call it last before the event loop sleeps. False: there is something to poll already; see en_arm(). */
  [[nodiscard]] bool Arm() { return connection_ != nullptr && en_arm(connection_) == 1; }

  /** Opens a named channel and waits for the peer's answer; see en_open_channel(). */
  Result<Channel> OpenChannel(const char* name, Timeout timeout) {
    Channel channel;
    const Status status(en_open_channel(connection_, name, timeout.Milliseconds(), &channel.number));
    if (!status.Ok()) return status;
    return channel;
  }
  Result<Channel> OpenChannel(const std::string& name, Timeout timeout) {
    return OpenChannel(name.c_str(), timeout);
  }

  /** Closes a channel on both sides; see en_close_channel(). */
  Status CloseChannel(Channel channel, Timeout timeout) {
    return Status(en_close_channel(connection_, channel.number, timeout.Milliseconds()));
  }

  /** Describes a channel; see en_channel_info. */
  [[nodiscard]] Result<en_channel_info> GetChannel(Channel channel) const {
    en_channel_info info{};
    info.size = sizeof info;
    const Status status(en_get_channel(connection_, channel.number, &info));
    if (!status.Ok()) return status;
    return info;
  }

  /** Ends the connection with a goodbye; see en_disconnect(). */
  Status Disconnect(Timeout timeout) { return Status(en_disconnect(connection_, timeout.Milliseconds())); }

  [[nodiscard]] State GetState() const { return static_cast<State>(en_get_state(connection_)); }
  [[nodiscard]] bool IsConnected() const { return GetState() == State::kConnected; }
  /** The error that ended the connection; success while it stands. Valid as long as the connection. */
  [[nodiscard]] const en_error& GetEnd() const { return *en_get_end(connection_); }
  /** Zeros if this object is empty. */
  [[nodiscard]] en_stats GetStats() const {
    en_stats stats{};
    stats.size = sizeof stats;
    // Fails only for an empty object; everything is 0 then.
    static_cast<void>(en_get_stats(connection_, &stats));
    return stats;
  }
  [[nodiscard]] en_connection_info GetInfo() const {
    en_connection_info info{};
    info.size = sizeof info;
    static_cast<void>(en_get_info(connection_, &info));
    return info;
  }

 private:
  /** It has a fixed address, because the C library holds pointers into it while the Connection moves. */
  struct Callbacks {
    std::unordered_map<en_channel, std::unique_ptr<MessageCallback>> messages;
    std::unique_ptr<EventCallback> event;
    int running = 0;
    // Callbacks that were replaced during a callback, perhaps by themselves. They last until Poll() returns.
    std::vector<std::unique_ptr<MessageCallback>> retired_messages;
    std::vector<std::unique_ptr<EventCallback>> retired_events;
    static constexpr std::size_t kFew = 32;
    // The number of callbacks for messages at which TakeClosed() looks at the channels.
    std::size_t limit = kFew;

    // Removes the callbacks of channels that are over. A program may open and close channels without end. The
    // C library forgets a channel only after its last message and event, and never inside a callback.
    std::vector<std::unique_ptr<MessageCallback>> TakeClosed(const en_connection* connection) {
      std::vector<std::unique_ptr<MessageCallback>> closed;
      if (messages.size() < limit) return closed;
      en_channel_info info{};
      info.size = sizeof info;
      for (auto at = messages.begin(); at != messages.end();) {
        const bool is_over = en_get_channel(connection, at->first, &info) != EN_OK;
        if (is_over) closed.push_back(std::move(at->second));
        at = is_over ? messages.erase(at) : std::next(at);
      }
      limit = 2 * messages.size() + kFew;
      return closed;
    }

    void Retire(std::unique_ptr<MessageCallback> callback) {
      if (running > 0 && callback != nullptr) retired_messages.push_back(std::move(callback));
    }
    void Retire(std::unique_ptr<EventCallback> callback) {
      if (running > 0 && callback != nullptr) retired_events.push_back(std::move(callback));
    }
    void Clear() {
      retired_messages.clear();
      retired_events.clear();
    }
  };

  static Message MessageOf(const en_message& message) {
    return {ByteView(static_cast<const std::byte*>(message.bytes), message.length), Channel{message.channel}};
  }
  static void DeliverMessage(en_connection*, const en_message* message, void* user) noexcept {
    (*static_cast<MessageCallback*>(user))(MessageOf(*message));
  }
  static void DeliverEvent(en_connection*, const en_event* event, void* user) noexcept {
    (*static_cast<EventCallback*>(user))(
        {static_cast<EventType>(event->type), Status(event->status), Channel{event->channel}});
  }

  en_connection* connection_;
  std::shared_ptr<Callbacks> callbacks_;
};

}  // namespace entropynet

#endif
