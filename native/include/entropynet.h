/**
 * EntropyNet for C11: messages between two processes of one user on one machine, through shared memory.
 *
 * The other side of a connection is a program that uses this library, or a Node.js program that uses
 * @entropynet/transport-shm. docs/shared-memory-protocol.md describes the bytes that both sides share.
 *
 * Threads. The library starts no thread, with one exception: a thread closes a descriptor that a misbehaving
 * peer passed. One thread at a time may use a connection, and one thread at a time may use a server.
 * Different connections may be used on different threads at the same time, also those of one server, and
 * also after their server was freed. en_interrupt() and en_server_interrupt() are the exception: every thread
 * may call them at any time before the handle is freed. The error of en_last_error() belongs to the calling
 * thread. After fork() only one of the two processes may use a handle; the other may only exit or call
 * exec().
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

#include "entropynet/types.h"

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
 * Connects to `endpoint`, "canvas" or "shm://canvas", and waits until the connection is open or
 * connect_timeout_ms are over. `options` may be NULL. The caller owns *connection and frees it by
 * en_connection_free(); it is NULL after an error. EN_TRANSPORT_UNAVAILABLE: no server listens. EN_TIMEOUT.
 * EN_HANDSHAKE_FAILED: also a wrong secret. EN_INCOMPATIBLE_VERSION. EN_RESOURCE_LIMIT_EXCEEDED: the server
 * is full, or the system has no memory or descriptor. EN_SHARED_MEMORY_PERMISSION: the names or the region
 * are not safe. EN_PEER_DIED: the server died meanwhile, also if another one has its endpoint now.
 * EN_SHARED_MEMORY_CORRUPTED: the file with the server's name or the region has impossible contents.
 * EN_SHARED_MEMORY_SIZE_MISMATCH: the region has another size than announced or allowed.
 * EN_SHARED_MEMORY_NOT_AVAILABLE: the system can't map the region. EN_INVALID_PARAMETER: an argument or an
 * option, also a relative directory while the working directory can't be read.
 */
EN_API en_status en_connect(const char *endpoint, const en_options *options, en_connection **connection);

/**
 * Begins to connect, for a program that must not wait, such as the loop of a game. It only checks the
 * arguments: en_connect_poll() does the rest. The library copies everything, and connect_timeout_ms begin
 * here. The caller owns *attempt and frees it by en_connect_free(); it is NULL after an error.
 * EN_INVALID_PARAMETER. EN_RESOURCE_LIMIT_EXCEEDED: there is no memory.
 */
EN_API en_status en_connect_start(const char *endpoint, const en_options *options, en_connecting **attempt);

/**
 * Continues an attempt. Never waits. EN_OK: the connection is open; the caller owns *connection.
 * EN_WOULD_BLOCK: the server has not answered yet, call again. Each other status is one of en_connect(), and
 * ends the attempt. *connection is NULL then. EN_INVALID_PARAMETER: also for an attempt that has ended. One
 * thread at a time may use an attempt.
 */
EN_API en_status en_connect_poll(en_connecting *attempt, en_connection **connection);

/**
 * The descriptor for the program's event loop: readable when the server has answered. -1 for NULL, and as
 * long as there is none: before the first en_connect_poll(), and while the server's queue is full. Once there
 * is one, it stays the same until EN_OK or en_connect_free(), unless servers share the endpoint:
 * en_connect_poll() closes it when it goes to the next server, and the new one has another number. After
 * EN_OK the connection has it: en_descriptor() returns it, and this function -1. The program may watch it but
 * must not read, write or close it. It does not tell when time is over: see en_connect_wait_ms().
 */
EN_API int en_connect_descriptor(const en_connecting *attempt);

/**
 * The longest time, in milliseconds, until the program must call en_connect_poll() again, also if the
 * descriptor is not readable: until connect_timeout_ms are over, or until it is another server's turn, or
 * some milliseconds while there is no descriptor. 0 for NULL, and for an attempt that has ended.
 */
EN_API int en_connect_wait_ms(const en_connecting *attempt);

/** Frees an attempt; one under way is given up. A connection that it gave stays open. NULL is allowed. */
EN_API void en_connect_free(en_connecting *attempt);

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
 * aligned to 8 and belongs to the program until en_commit(), en_abort(), en_disconnect() or
 * en_connection_free(). The claim holds the whole connection: other sends return EN_WOULD_BLOCK. Never waits.
 * A message that goes in fragments is written to memory of the library and sent as by en_try_send(). Errors
 * as for en_try_send(); EN_INVALID_PARAMETER while a claim is held.
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
 * Inside a message callback: gives the memory of the message to the program, which may read message->bytes
 * until it frees that memory by en_free(). Otherwise the bytes are valid until the callback returns. NULL:
 * the bytes are in the ring (EN_IN_RING), the program has the memory already, or no message callback runs.
 */
EN_API void *en_take_message(en_connection *connection);
/** Frees the memory that en_take_message() gave. NULL is allowed. */
EN_API void en_free(void *memory);

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
 * continues to send. With spin_us it may leave to the next call what came after en_wait(). EN_OK, or how the
 * connection ended, after the callbacks got everything that had arrived.
 */
EN_API en_status en_poll(en_connection *connection);

/**
 * Sleeps on the wake-up until there is something to poll or to receive, and returns EN_OK then. EN_TIMEOUT
 * (EN_WOULD_BLOCK with a timeout of 0). EN_ABORTED: en_interrupt() was called. How the connection ended, once
 * nothing is left to poll or to receive. It can return EN_OK too early. Without a callback for events it also
 * returns EN_OK once after events. Parked messages that the program has not asked for do not end the sleep
 * again.
 */
EN_API en_status en_wait(en_connection *connection, int timeout_ms);

/** Makes the current or the next en_wait() return EN_ABORTED once. Every thread may call it. */
EN_API void en_interrupt(en_connection *connection);

/**
 * The descriptor for the program's event loop: readable when there is something to poll, if en_arm()
 * returned 1 before the loop slept. It belongs to the connection: the program may watch it but must not read,
 * write or close it. It stays the same and stays readable after the end, until en_connection_free(). A
 * program that uses it should also call en_poll() once a second, for EN_EVENT_UNRESPONSIVE. -1 for NULL. On
 * Windows each descriptor of this library is the number of an event, (HANDLE)(intptr_t)descriptor.
 */
EN_API int en_descriptor(const en_connection *connection);
/** Asks the peer to make the descriptor readable. 1: the loop may sleep. 0: there is something to poll
 * already, or the connection has ended. Call it last before the loop sleeps: en_send() and each other call
 * that waits undo it, and en_receive() may keep messages for callbacks. */
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
/** How the connection ended: EN_OK while it is open, EN_CONNECTION_CLOSED after a goodbye of either side,
 * else the failure. Never NULL. Valid until en_connection_free(). */
EN_API const en_error *en_get_end(const en_connection *connection);
/** Fills `stats` up to stats->size. */
EN_API en_status en_get_stats(const en_connection *connection, en_stats *stats);
/** Fills `info` up to info->size. */
EN_API en_status en_get_info(const en_connection *connection, en_connection_info *info);

#ifdef __cplusplus
}
#endif
#endif
