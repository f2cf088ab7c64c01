/** The types and constants of entropynet.h, which includes this file. */
#ifndef ENTROPYNET_TYPES_H
#define ENTROPYNET_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The outcome of a call. The numbers never change. en_status_name() gives the name that NetworkErrorCode has
 * in Node.js. */
typedef enum en_status {
  EN_OK = 0,
  /** Nothing happened, because it would have to wait. */
  EN_WOULD_BLOCK = 1,
  /** The time was over first. */
  EN_TIMEOUT = 2,
  /** An argument is not allowed, or the call is not allowed here. */
  EN_INVALID_PARAMETER = 3,
  /** The peer broke the protocol of frames. The connection has failed. */
  EN_INVALID_MESSAGE = 4,
  /** The message is longer than the limit of one of the sides. */
  EN_MESSAGE_TOO_LARGE = 5,
  /** A living server has the endpoint. */
  EN_ADDRESS_IN_USE = 6,
  /** A limit of this side, of the peer or of the system is reached. */
  EN_RESOURCE_LIMIT_EXCEEDED = 7,
  /** The two sides did not agree, for example about the secret. */
  EN_HANDSHAKE_FAILED = 8,
  /** This system or this peer can't do it. */
  EN_NOT_SUPPORTED = 9,
  /** The connection or the channel has been closed. */
  EN_CONNECTION_CLOSED = 10,
  /** The peer ended without a goodbye. The connection has failed. */
  EN_PEER_DIED = 11,
  /** No server listens at the endpoint. */
  EN_TRANSPORT_UNAVAILABLE = 12,
  /** The peer speaks another version of the protocol. */
  EN_INCOMPATIBLE_VERSION = 13,
  /** A directory, file or socket belongs to another user, or others may write to it. */
  EN_SHARED_MEMORY_PERMISSION = 14,
  /** The peer wrote impossible words into the region. The connection has failed. */
  EN_SHARED_MEMORY_CORRUPTED = 15,
  /** A channel has a consumer of another kind. */
  EN_ALREADY_EXISTS = 16,
  /** en_interrupt() or en_server_interrupt() ended the wait. */
  EN_ABORTED = 17,
  /** The region has another size than was announced or allowed. */
  EN_SHARED_MEMORY_SIZE_MISMATCH = 18,
  /** The system can't map the region. */
  EN_SHARED_MEMORY_NOT_AVAILABLE = 19
} en_status;

/** A status and one sentence in English for a person, with a zero at its end. */
typedef struct en_error {
  en_status status;
  char message[508];
} en_error;

/** One side of a connection. */
typedef struct en_connection en_connection;
/** An endpoint that clients connect to. */
typedef struct en_server en_server;
/** An attempt to connect; see en_connect_start(). */
typedef struct en_connecting en_connecting;

/** A channel of a connection. A number of a channel that is over is never used again on its connection. */
typedef uint64_t en_channel;
/** The channel without a name. It is open from the start and can't be closed. */
#define EN_DEFAULT_CHANNEL ((en_channel)0)
/** For en_receive(): each channel without a callback. */
#define EN_ANY_CHANNEL UINT64_MAX

/** The longest text by which a side introduces itself. */
#define EN_LIBRARY_BYTES 20u

/** For max_channels: the peer can open no named channel, and neither can this side. */
#define EN_NO_CHANNELS UINT32_MAX

/**
 * The options of a side. Set `size` to sizeof(en_options), the rest to 0, then the fields that matter: 0 or
 * NULL is the default. The library copies everything. Example: en_options options = {.size = sizeof options,
 * .secret = "..."};
 */
typedef struct en_options {
  /** sizeof(en_options) of the header that the program was compiled with. */
  size_t size;
  /** The discovery directory. Default: the same as in Node.js: $XDG_RUNTIME_DIR/entropynet, or
   * entropynet-<user id> in the temporary directory. A server makes it. */
  const char *directory;
  /** The shared secret: 16 UTF-16 code units or more, as UTF-8 with a zero at its end. Both sides must have
   * the same or none. Default: none. */
  const char *secret;
  /** The largest region in bytes, 65536 to 1 GiB; the smaller of both sides counts. Default: 4 MiB. */
  uint32_t region_size;
  /** The longest message in bytes that this side takes and sends, 1 to 1 GiB. Default: 16 MiB. */
  uint32_t max_message_size;
  /** How many bytes the peer may send on a channel before this side takes them, 16 KiB to 1 GiB. Default: 1
   * MiB. */
  uint32_t channel_window;
  /** How many named channels may be open at a time, 1 to 65535, or EN_NO_CHANNELS. Default: 256. */
  uint32_t max_channels;
  /** How long a client tries to connect, and en_listen() waits for the directory's lock. Milliseconds.
   * Default: 5000. */
  uint32_t connect_timeout_ms;
  /** Server: the time of a client for the handshake. Milliseconds. Default: 5000. */
  uint32_t handshake_timeout_ms;
  /** Server: how many connections may be open at a time, at most 65536. Default: 1024. */
  uint32_t max_connections;
  /** After how many milliseconds a peer that leaves bytes unread counts as unresponsive. Default: 2000. */
  uint32_t unresponsive_after_ms;
  /** How many microseconds en_wait() looks at the ring before it sleeps, at most 1000000. Default: 0. */
  uint32_t spin_us;
  /** Server: decides in en_accept() whether one more client gets in: EN_OK, or any other status to refuse it
   * with EN_RESOURCE_LIMIT_EXCEEDED before its en_connect() returns. It must not use the server. Default:
   * everybody. */
  en_status (*admit)(void *user);
  void *admit_user;
  /** The text by which this side introduces itself to inspectors and to the peer: its language and version, 1
   * to EN_LIBRARY_BYTES printable characters of ASCII, the first one no space. For wrappers in other
   * languages. Default: "c " EN_VERSION. */
  const char *library;
} en_options;

typedef enum en_state { EN_STATE_CONNECTED = 0, EN_STATE_DISCONNECTED = 1, EN_STATE_FAILED = 2 } en_state;

typedef enum en_channel_state {
  /** This side announced the channel; the peer has not answered yet. Sending is allowed. */
  EN_CHANNEL_OPENING = 0,
  EN_CHANNEL_OPEN = 1,
  /** One of the sides has closed it. Messages that have arrived can be received. Nothing can be sent. */
  EN_CHANNEL_CLOSING = 2,
  /** Both sides have closed it, the peer refused it, or the connection ended. */
  EN_CHANNEL_CLOSED = 3
} en_channel_state;

/** A received message. */
typedef struct en_message {
  /** The bytes belong to the library. Never NULL, also where length is 0. */
  const void *bytes;
  size_t length;
  en_channel channel;
} en_message;

typedef enum en_event_type {
  /** The peer opened a channel. */
  EN_EVENT_CHANNEL_OPENED = 0,
  /** The peer answered the announcement of this side. */
  EN_EVENT_CHANNEL_ACCEPTED = 1,
  /** The peer refused the channel; status is EN_RESOURCE_LIMIT_EXCEEDED. */
  EN_EVENT_CHANNEL_REFUSED = 2,
  /** The peer closes the channel: no message comes after those that have arrived. */
  EN_EVENT_CHANNEL_CLOSING = 3,
  /** The channel is over on both sides. Its name can be opened again. */
  EN_EVENT_CHANNEL_CLOSED = 4,
  /** A send on the channel returned EN_WOULD_BLOCK before; there is room now. */
  EN_EVENT_DRAIN = 5,
  /** The peer takes nothing off the ring. It is not dead, but stopped or busy. */
  EN_EVENT_UNRESPONSIVE = 6,
  EN_EVENT_RESPONSIVE = 7,
  /** The connection ended; status says how (EN_CONNECTION_CLOSED after a goodbye). It comes after the last
   * message that a callback takes, and once. */
  EN_EVENT_END = 8
} en_event_type;

typedef struct en_event {
  en_event_type type;
  en_status status;
  en_channel channel;
} en_event;

/** Payload bytes and whole messages, of all channels. Both ends count the same once traffic has stopped. */
typedef struct en_stats {
  /** The caller sets it to sizeof(en_stats). */
  size_t size;
  uint64_t bytes_sent, bytes_received, messages_sent, messages_received;
  /** Sends that returned EN_WOULD_BLOCK. */
  uint64_t would_block_sends;
  /** For how many milliseconds the peer has left bytes unread without taking any; 0 for a peer that keeps up.
   */
  uint64_t peer_idle_ms;
} en_stats;

typedef struct en_connection_info {
  /** The caller sets it to sizeof(en_connection_info). */
  size_t size;
  /** 1 if en_accept() gave the connection, 0 if en_connect() did. */
  uint32_t is_server;
  uint32_t region_size;
  /** The longest message that both sides allow. */
  uint32_t max_message_size;
  /** The longest message that goes in one frame. Longer ones go in fragments. */
  uint32_t max_frame_size;
  uint32_t peer_channel_window;
  uint32_t peer_max_channels;
  /** 1 if the peer can close channels. */
  uint32_t peer_closes_channels;
  /** Process id of the peer, from the system. 0 if the system does not know it, as between containers. */
  uint32_t peer_process;
  /** The text by which the peer introduces itself, "node 0.1.0" for example: at most EN_LIBRARY_BYTES
   * printable characters of ASCII of its choice, with a zero at the end. "" for a peer of an older release.
   */
  char peer_library[24];
} en_connection_info;

typedef struct en_channel_info {
  /** The caller sets it to sizeof(en_channel_info). */
  size_t size;
  en_channel_state state;
  /** The name in UTF-8, with a zero at its end; "" for the default channel. A name that the peer chose may
   * hold zeros. */
  char name[256];
  size_t name_length;
  /** The rest of the peer's window, in bytes. Each frame costs its payload and 64. */
  uint32_t send_window;
  /** The used part of this side's window: bytes that have arrived and were not taken. */
  uint32_t parked_bytes;
  /** Bytes that this side has accepted and has not written to the ring yet. */
  uint32_t queued_bytes;
} en_channel_info;

/** Takes a message. message->bytes is valid until the callback returns. */
typedef void (*en_message_callback)(en_connection *connection, const en_message *message, void *user);
typedef void (*en_event_callback)(en_connection *connection, const en_event *event, void *user);

#ifdef __cplusplus
}
#endif
#endif
