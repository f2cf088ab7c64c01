/**
 * EntropyNet for C11: messages between two processes of one user on one machine, through shared memory.
 *
 * The other side of a connection is a program that uses this library, or a Node.js program that uses
 * @entropynet/transport-shm. docs/shared-memory-protocol.md describes the bytes that both sides share.
 *
 * Threads. The library starts no thread. One thread at a time may use a connection, and one thread at a time
 * may use a server. Different connections may be used on different threads at the same time, also those of
 * one server, and also after their server was freed. en_interrupt() and en_server_interrupt() are the
 * exception: every thread may call them at any time before the handle is freed. The error of en_last_error()
 * belongs to the calling thread. After fork() only one of the two processes may use a handle; the other may
 * only exit or call exec().
 *
 * Callbacks. The library calls back inside en_poll() alone, on the thread that calls it. A callback may call
 * every function of this library except en_poll(), en_wait() and en_connection_free() of the same connection.
 * The first two return EN_INVALID_PARAMETER there; en_connection_free() then frees the connection when
 * en_poll() returns.
 *
 * Errors. A function that can fail returns an en_status. After any status but EN_OK, en_last_error() has the
 * same status and a sentence. A bad argument is EN_INVALID_PARAMETER or a closer code and changes nothing.
 * The library can't check that a pointer that is not NULL is valid, that a length is true, or that a handle
 * was not freed.
 *
 * Time. Timeouts are milliseconds of the monotonic clock. 0 never waits, a negative one waits without end.
 *
 * Signals. The library raises no SIGPIPE and installs no handler.
 */
#ifndef ENTROPYNET_H
#define ENTROPYNET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(ENTROPYNET_SHARED)
#if defined(ENTROPYNET_BUILDING)
#define EN_API __declspec(dllexport)
#else
#define EN_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define EN_API __attribute__((visibility("default")))
#else
#define EN_API
#endif

#define EN_VERSION_MAJOR 0
#define EN_VERSION_MINOR 1
#define EN_VERSION_PATCH 0
#define EN_VERSION "0.1.0"

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
  /** The discovery directory. Default: where Node.js looks, too: $XDG_RUNTIME_DIR/entropynet, or
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
  /** How long en_connect() tries, and en_listen() waits for the directory's lock. Milliseconds. Default:
   * 5000. */
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
  /** One of the sides has closed it. What has arrived can be received, nothing can be sent. */
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

/* ---- Errors ---- */

/** The version of the library, "0.1.0" for example. */
EN_API const char *en_version(void);
/** The name of a status, "PeerDied" for example; "Unknown" for another number. Never NULL. */
EN_API const char *en_status_name(en_status status);
/** The error of the last call on this thread that returned another status than EN_OK. Never NULL. It is valid
 * until the thread's next call that fails. */
EN_API const en_error *en_last_error(void);

/* ---- Connecting and serving ---- */

/**
 * Connects to `endpoint`, "canvas" or "shm://canvas", and waits until the connection stands or
 * connect_timeout_ms are over. `options` may be NULL. The caller owns *connection and frees it by
 * en_connection_free(); it is NULL after an error. EN_TRANSPORT_UNAVAILABLE: no server listens. EN_TIMEOUT.
 * EN_HANDSHAKE_FAILED: also a wrong secret. EN_INCOMPATIBLE_VERSION. EN_RESOURCE_LIMIT_EXCEEDED: the server
 * is full, or the system has no memory or descriptor. EN_SHARED_MEMORY_PERMISSION: the names are not safe.
 * EN_PEER_DIED: the server died meanwhile.
 */
EN_API en_status en_connect(const char *endpoint, const en_options *options, en_connection **connection);

/**
 * Listens on `endpoint`. The caller owns *server and frees it by en_server_free(). A client waits until
 * en_accept() is called. EN_ADDRESS_IN_USE: a living server has the endpoint.
 */
EN_API en_status en_listen(const char *endpoint, const en_options *options, en_server **server);

/**
 * Returns the next client, in the order in which the handshakes were completed. All handshakes run inside
 * this call, so call it repeatedly, with timeout 0 if the program takes no more clients. The caller owns
 * *connection. EN_TIMEOUT: none came in time; EN_WOULD_BLOCK with a timeout of 0. EN_ABORTED:
 * en_server_interrupt() was called. EN_ADDRESS_IN_USE: another server has taken the name since; this one can
 * still serve clients that have reached it.
 */
EN_API en_status en_accept(en_server *server, int timeout_ms, en_connection **connection);

/** A descriptor for the program's event loop: readable when en_accept(server, 0, ...) has something to do.
 * It belongs to the server: the program may watch it but must not read, write or close it. -1 for NULL. */
EN_API int en_server_descriptor(const en_server *server);

/** Makes the current or the next en_accept() return EN_ABORTED once. Every thread may call it. */
EN_API void en_server_interrupt(en_server *server);

/** Removes the endpoint's names and gives everything back. Clients that en_accept() has given stay connected,
 * the others see the end. NULL is allowed. A program that exits without this call leaves two files, which the
 * next server of that endpoint replaces. */
EN_API void en_server_free(en_server *server);

/* ---- Sending ---- */

/**
 * Sends a whole message and waits for room, up to `timeout_ms`. EN_OK: this side has written the message, in
 * order, and a graceful end delivers it. The caller still owns the bytes and may reuse them at once. Messages
 * that arrive during the wait are kept for the next en_poll() or en_receive(). Inside a callback with
 * EN_IN_RING the call does not wait. EN_TIMEOUT (EN_WOULD_BLOCK with a timeout of 0): the message will not be
 * delivered. EN_MESSAGE_TOO_LARGE: longer than max_message_size of a side. EN_CONNECTION_CLOSED: the channel
 * or the connection is closed. EN_PEER_DIED and the other codes of a failed connection. EN_WOULD_BLOCK also
 * while a claim is held.
 */
EN_API en_status en_send(en_connection *connection, en_channel channel, const void *bytes, size_t length,
                         int timeout_ms);

/**
 * Sends without waiting. EN_WOULD_BLOCK: nothing was sent, and an event EN_EVENT_DRAIN follows. A message
 * that goes in fragments is copied, and en_poll(), en_wait() and the sending functions write it as room
 * comes: one for each channel, the next call on that channel returns EN_WOULD_BLOCK until it is written.
 * Other errors as for en_send().
 */
EN_API en_status en_try_send(en_connection *connection, en_channel channel, const void *bytes, size_t length);

/**
 * Reserves a message of exactly `length` bytes in the ring, so that the program writes it in place. *bytes is
 * aligned to 8 and belongs to the program until en_commit(), en_abort() or en_connection_free(). The claim
 * holds the whole connection: other sends return EN_WOULD_BLOCK. Never waits. A message that goes in
 * fragments is written to memory of the library and sent as by en_try_send(). Errors as for en_try_send();
 * EN_INVALID_PARAMETER while a claim is held.
 */
EN_API en_status en_claim(en_connection *connection, en_channel channel, size_t length, void **bytes);
/** Sends the claimed message. EN_INVALID_PARAMETER without a claim. After the end of the connection: how it
 * ended. */
EN_API en_status en_commit(en_connection *connection);
/** Gives up the claim: nothing is sent. EN_INVALID_PARAMETER without a claim. */
EN_API en_status en_abort(en_connection *connection);

/* ---- Receiving ---- */

/** For en_on_message(): the callback gets the bytes in the ring where it can, without a copy. The peer can
 * change them while the callback reads: copy before you check and use. */
#define EN_IN_RING 1u

/**
 * Sets the consumer of a channel's messages; en_poll() calls it. `callback` NULL takes it away: messages are
 * then kept in order, up to the window, and the peer waits. `flags` is 0 or EN_IN_RING. A channel has one
 * consumer: a callback or en_receive(). EN_CONNECTION_CLOSED: the channel is over and everything that arrived
 * was received.
 */
EN_API en_status en_on_message(en_connection *connection, en_channel channel, en_message_callback callback,
                               void *user, unsigned flags);

/**
 * Takes the next message of a channel that has no callback, or of any such channel. Never waits:
 * EN_WOULD_BLOCK when none has arrived. message->bytes is valid until the next en_receive() on this
 * connection or en_connection_free(). EN_ALREADY_EXISTS: the channel has a callback. Once everything that
 * arrived was received: how the channel (EN_CONNECTION_CLOSED) or the connection ended. It takes frames off
 * the ring itself; en_poll() is needed for events and callbacks only.
 */
EN_API en_status en_receive(en_connection *connection, en_channel channel, en_message *message);

/** Sets the callback for events; en_poll() calls it. Without one (NULL), events are kept, as far as they
 * still hold. */
EN_API en_status en_on_event(en_connection *connection, en_event_callback callback, void *user);

/* ---- Waiting ---- */

/**
 * Reads the ring, calls the callbacks and writes queued messages. Never waits, and ends even if the peer
 * continues to send. EN_OK, or how the connection ended, after the callbacks got everything that had arrived.
 */
EN_API en_status en_poll(en_connection *connection);

/**
 * Sleeps on the wake-up until there is something to poll or to receive, and returns EN_OK then. EN_TIMEOUT.
 * EN_ABORTED: en_interrupt() was called. How the connection ended, once nothing is left to poll or to
 * receive. It can return EN_OK too early. Parked messages that the program has not asked for do not end the
 * sleep again.
 */
EN_API en_status en_wait(en_connection *connection, int timeout_ms);

/** Makes the current or the next en_wait() return EN_ABORTED once. Every thread may call it. */
EN_API void en_interrupt(en_connection *connection);

/**
 * The descriptor for the program's event loop: readable when there is something to poll, if en_arm()
 * returned 1 before the loop slept. It belongs to the connection: the program may watch it but must not read,
 * write or close it. It stays the same and stays readable after the end, until en_connection_free(). A
 * program that uses it should also call en_poll() once a second, for EN_EVENT_UNRESPONSIVE. -1 for NULL.
 */
EN_API int en_descriptor(const en_connection *connection);
/** Asks the peer to make the descriptor readable. 1: the loop may sleep. 0: there is something to poll
 * already, or the connection has ended. */
EN_API int en_arm(en_connection *connection);

/* ---- Channels ---- */

/**
 * Opens a named channel, 1 to 255 bytes of UTF-8 with a zero at its end, and announces it to the peer. If it
 * is open already, or the peer opened it, *channel is that channel. Waits up to `timeout_ms` for the peer's
 * answer; with 0 the outcome comes as an event. Messages that arrive during the wait are kept. EN_TIMEOUT:
 * *channel may still open. EN_RESOURCE_LIMIT_EXCEEDED: the peer refused, or this side has max_channels.
 * EN_WOULD_BLOCK or EN_TIMEOUT: the channel of that name is still closing; *channel is EN_DEFAULT_CHANNEL.
 */
EN_API en_status en_open_channel(en_connection *connection, const char *name, int timeout_ms,
                                 en_channel *channel);

/**
 * Closes a channel on both sides. Messages that were sent arrive first. Waits up to `timeout_ms` until the
 * channel is over; with 0 EN_EVENT_CHANNEL_CLOSED reports it. Messages that have arrived can still be
 * received. EN_NOT_SUPPORTED: an old peer, which can't close channels. EN_INVALID_PARAMETER: the default
 * channel.
 */
EN_API en_status en_close_channel(en_connection *connection, en_channel channel, int timeout_ms);

/** Describes a channel. EN_CONNECTION_CLOSED: the channel is over and forgotten. */
EN_API en_status en_get_channel(const en_connection *connection, en_channel channel, en_channel_info *info);

/* ---- The connection ---- */

/**
 * Ends the connection with a goodbye: writes queued messages, for up to `timeout_ms`, then tells the peer.
 * Everything that was sent reaches the peer first. EN_TIMEOUT: the connection has ended, and queued messages
 * were lost. Messages that have arrived can still be received by en_receive(). The library calls no callback
 * any more. EN_OK for a connection that has ended before.
 */
EN_API en_status en_disconnect(en_connection *connection, int timeout_ms);

/** Frees the connection, after en_disconnect(connection, 0). NULL is allowed. */
EN_API void en_connection_free(en_connection *connection);

/** EN_STATE_FAILED for NULL. */
EN_API en_state en_get_state(const en_connection *connection);
/** How the connection ended: EN_OK while it stands, EN_CONNECTION_CLOSED after a goodbye of either side, else
 * the failure. Never NULL. Valid until en_connection_free(). */
EN_API const en_error *en_get_end(const en_connection *connection);
/** Fills `stats` up to stats->size. */
EN_API en_status en_get_stats(const en_connection *connection, en_stats *stats);
/** Fills `info` up to info->size. */
EN_API en_status en_get_info(const en_connection *connection, en_connection_info *info);

#ifdef __cplusplus
}
#endif
#endif
