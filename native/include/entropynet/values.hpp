/** The values of entropynet.hpp: outcomes, views of bytes, timeouts, options, messages and events. */
#ifndef ENTROPYNET_VALUES_HPP
#define ENTROPYNET_VALUES_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../entropynet.h"

namespace entropynet {

/** The outcome of a call as a number of en_status. entropynet.h explains each. */
enum class Code : int {
  kOk = EN_OK,
  kWouldBlock = EN_WOULD_BLOCK,
  kTimeout = EN_TIMEOUT,
  kInvalidParameter = EN_INVALID_PARAMETER,
  kInvalidMessage = EN_INVALID_MESSAGE,
  kMessageTooLarge = EN_MESSAGE_TOO_LARGE,
  kAddressInUse = EN_ADDRESS_IN_USE,
  kResourceLimitExceeded = EN_RESOURCE_LIMIT_EXCEEDED,
  kHandshakeFailed = EN_HANDSHAKE_FAILED,
  kNotSupported = EN_NOT_SUPPORTED,
  kConnectionClosed = EN_CONNECTION_CLOSED,
  kPeerDied = EN_PEER_DIED,
  kTransportUnavailable = EN_TRANSPORT_UNAVAILABLE,
  kIncompatibleVersion = EN_INCOMPATIBLE_VERSION,
  kSharedMemoryPermission = EN_SHARED_MEMORY_PERMISSION,
  kSharedMemoryCorrupted = EN_SHARED_MEMORY_CORRUPTED,
  kAlreadyExists = EN_ALREADY_EXISTS,
  kAborted = EN_ABORTED,
  kSharedMemorySizeMismatch = EN_SHARED_MEMORY_SIZE_MISMATCH,
  kSharedMemoryNotAvailable = EN_SHARED_MEMORY_NOT_AVAILABLE,
};

/** The outcome of a call. It is as small as a number: the sentence stays in the library until the program
 * asks for it. */
class [[nodiscard]] Status {
 public:
  /** Success. */
  constexpr Status() = default;
  constexpr Status(Code code) : code_(code) {}
  constexpr explicit Status(en_status status) : code_(static_cast<Code>(status)) {}

  [[nodiscard]] constexpr bool Ok() const { return code_ == Code::kOk; }
  [[nodiscard]] constexpr Code GetCode() const { return code_; }
  /** The name that the code has in Node.js, "PeerDied" for example. */
  [[nodiscard]] const char* Name() const { return en_status_name(static_cast<en_status>(code_)); }
  /** The sentence for a person. Ask on the thread of the call and before its next failed call. Later it is
   * only the name. Never null. */
  [[nodiscard]] const char* Message() const {
    if (Ok()) return "";
    const en_error* error = en_last_error();
    return static_cast<Code>(error->status) == code_ ? error->message : Name();
  }

  friend constexpr bool operator==(Status left, Status right) { return left.code_ == right.code_; }
  friend constexpr bool operator!=(Status left, Status right) { return left.code_ != right.code_; }

 private:
  Code code_ = Code::kOk;
};

/** A value, or the Status of the failure. */
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  /** `status` must not be success. */
  Result(Status status) : status_(status) {}

  [[nodiscard]] bool Ok() const { return value_.has_value(); }
  [[nodiscard]] explicit operator bool() const { return Ok(); }
  /** Success if there is a value. */
  [[nodiscard]] Status GetStatus() const { return status_; }
  /** The value. The caller must have checked Ok() first. */
  [[nodiscard]] T& operator*() & { return *value_; }
  [[nodiscard]] const T& operator*() const& { return *value_; }
  /** Moves the value out. */
  [[nodiscard]] T&& operator*() && { return std::move(*value_); }
  [[nodiscard]] T* operator->() { return &*value_; }
  [[nodiscard]] const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

/** A sequence of elements that another object owns, like std::span in C++20. */
template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, std::size_t size) : data_(data), size_(size) {}
  /** A span of writable bytes converts to one of readable bytes. */
  template <typename U, std::enable_if_t<std::is_same_v<const U, T>, int> = 0>
  constexpr Span(Span<U> other) : data_(other.data()), size_(other.size()) {}

  [[nodiscard]] constexpr T* data() const { return data_; }
  [[nodiscard]] constexpr std::size_t size() const { return size_; }
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] constexpr T* begin() const { return data_; }
  [[nodiscard]] constexpr T* end() const { return data_ + size_; }
  /** `index` must be less than size(). */
  [[nodiscard]] constexpr T& operator[](std::size_t index) const { return data_[index]; }
  /** Up to `size` elements from `offset` on; none if `offset` is beyond the end. */
  [[nodiscard]] constexpr Span Sub(std::size_t offset, std::size_t size = SIZE_MAX) const {
    if (offset >= size_) return Span(data_ + size_, 0);
    return Span(data_ + offset, size < size_ - offset ? size : size_ - offset);
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/** Bytes to read. */
using ByteView = Span<const std::byte>;
/** Bytes to write. */
using MutableByteView = Span<std::byte>;

/** The bytes of a text, without a zero at the end. */
[[nodiscard]] inline ByteView BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
/** The bytes of elements without pointers, for example those of a std::vector<float> or a std::array. */
template <typename Container,
          typename Element = std::remove_pointer_t<decltype(std::declval<const Container&>().data())>,
          std::enable_if_t<std::is_trivially_copyable_v<Element> &&
                               !std::is_convertible_v<const Container&, std::string_view>,
                           int> = 0>
[[nodiscard]] ByteView BytesOf(const Container& elements) {
  return {reinterpret_cast<const std::byte*>(elements.data()), elements.size() * sizeof(Element)};
}
/** The bytes of one object, including padding. */
template <typename T>
[[nodiscard]] ByteView BytesOfObject(const T& object) {
  static_assert(std::is_trivially_copyable_v<T>,
                "only an object without pointers and owners can be sent as its bytes");
  return {reinterpret_cast<const std::byte*>(&object), sizeof(T)};
}
/** The bytes as text. This does not check that they are UTF-8. */
[[nodiscard]] inline std::string_view TextOf(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/** The longest wait of a call: a std::chrono duration, rounded up to milliseconds. */
class Timeout {
 public:
  template <typename Rep, typename Period>
  constexpr Timeout(std::chrono::duration<Rep, Period> duration) : milliseconds_(Rounded(duration)) {}
  /** Waits without end. */
  [[nodiscard]] static constexpr Timeout Forever() { return Timeout(-1); }
  /** Never waits. */
  [[nodiscard]] static constexpr Timeout None() { return Timeout(0); }
  [[nodiscard]] constexpr int Milliseconds() const { return milliseconds_; }

 private:
  constexpr explicit Timeout(int milliseconds) : milliseconds_(milliseconds) {}

  template <typename Duration>
  static constexpr int Rounded(Duration duration) {
    using Exact = std::chrono::duration<double, std::milli>;
    const double milliseconds = std::chrono::duration_cast<Exact>(duration).count();
    // A negative duration has expired. It does not mean "without end".
    if (!(milliseconds > 0)) return 0;
    if (milliseconds >= static_cast<double>(std::numeric_limits<int>::max()))
      return std::numeric_limits<int>::max();
    const int whole = static_cast<int>(milliseconds);
    return static_cast<double>(whole) < milliseconds ? whole + 1 : whole;
  }

  int milliseconds_;
};

/** The options of a side, with the defaults of the library. Texts that it points to must last only until
 * the call returns. */
struct Options : en_options {
  Options() : en_options() {
    size = sizeof(en_options);
    library = "c++ " EN_VERSION;
  }
};

/** A channel of one connection. It owns nothing: a channel lasts until it is closed or its connection
 * ends. */
struct Channel {
  en_channel number = 0;

  friend constexpr bool operator==(Channel left, Channel right) { return left.number == right.number; }
  friend constexpr bool operator!=(Channel left, Channel right) { return left.number != right.number; }
};

/** The channel without a name. */
inline constexpr Channel kDefaultChannel{0};
/** For Connection::Receive(): all channels without a callback. */
inline constexpr Channel kAnyChannel{EN_ANY_CHANNEL};

/** A received message. */
struct Message {
  ByteView bytes;
  Channel channel;
};

/** The type of an event of a connection or of one of its channels. */
enum class EventType : int {
  kChannelOpened = EN_EVENT_CHANNEL_OPENED,
  kChannelAccepted = EN_EVENT_CHANNEL_ACCEPTED,
  kChannelRefused = EN_EVENT_CHANNEL_REFUSED,
  kChannelClosing = EN_EVENT_CHANNEL_CLOSING,
  kChannelClosed = EN_EVENT_CHANNEL_CLOSED,
  kDrain = EN_EVENT_DRAIN,
  kUnresponsive = EN_EVENT_UNRESPONSIVE,
  kResponsive = EN_EVENT_RESPONSIVE,
  kEnd = EN_EVENT_END,
};

/** An event. entropynet.h explains each type and the meaning of its status and channel. */
struct Event {
  EventType type;
  Status status;
  Channel channel;
};

/** The place of a callback's message. */
enum class Delivery : unsigned {
  /** In memory of the library. */
  kCopied = 0,
  /** In the ring if possible. The peer can change them while the callback reads: copy before you check and
     use. */
  kInRing = EN_IN_RING,
};

/** The life of a connection. */
enum class State : int {
  kConnected = EN_STATE_CONNECTED,
  kDisconnected = EN_STATE_DISCONNECTED,
  kFailed = EN_STATE_FAILED,
};

}  // namespace entropynet

#endif
