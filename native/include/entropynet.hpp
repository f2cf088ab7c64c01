/**
 * EntropyNet for C++17: entropynet.h with owners, views and typed outcomes. Header only; link the C library.
 *
 * Outcomes. No function throws an exception of its own, and the header compiles with -fno-exceptions. A
 * function that can fail returns a Status, or a Result that holds a Status or a value. Both are
 * [[nodiscard]].
 *
 * Ownership. Connection, Connecting, Server and Claim own what they stand for and give it back at their end.
 * They can be moved and not copied. A moved-from object is empty: each call on it gives
 * Code::kInvalidParameter or the neutral value.
 *
 * Threads. As in entropynet.h: one thread at a time may use a Connection or a Server, different ones may be
 * used on different threads at the same time. Interrupt() is the exception: every thread may call it. Nothing
 * here synchronises the move or the end of an object with a call on another thread.
 *
 * Callbacks run inside Connection::Poll() alone. A callback must not throw: the program ends by
 * std::terminate() then. It may replace itself, disconnect, and destroy the Connection that called it.
 *
 * Views. A ByteView owns nothing. The comment of each function that gives one says how long its bytes stay.
 * Bytes that a peer can still change (Delivery::kInRing) must be copied before they are checked and used.
 */
#ifndef ENTROPYNET_HPP
#define ENTROPYNET_HPP

#include "entropynet/connecting.hpp"
#include "entropynet/connection.hpp"
#include "entropynet/server.hpp"
#include "entropynet/values.hpp"

#endif
