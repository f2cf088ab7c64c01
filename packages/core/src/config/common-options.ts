import * as v from 'valibot';
import type { Admit } from '../api/admission.js';
import { MIN_CHANNEL_WINDOW } from '../wire/peer-limits.js';
import { faultOfEndpoint } from './endpoint.js';
import { durationMs, listOf, numberFrom, section, text, wholeNumber } from './option-schemas.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** A shorter secret is found by trying. */
const MIN_SECRET_CHARACTERS = 16;

const endpoint = v.pipe(
  v.string("a name like 'canvas' or an address like 'ws://host:port' is allowed"),
  v.check(
    (given) => faultOfEndpoint(given) === undefined,
    (issue) => faultOfEndpoint(issue.input) ?? '',
  ),
);

/** When and how often a handle connects again by itself. */
export const reconnectSchema = v.pipe(
  section({
    /** How long to wait before the first attempt after an end, in milliseconds. */
    initialDelayMs: v.optional(durationMs(), 100),
    /** The longest wait between two attempts, in milliseconds; a connection that lasts as long starts the waits anew. */
    maxDelayMs: v.optional(durationMs(), 30_000),
    /** How many times longer each wait is than the one before. */
    factor: v.optional(numberFrom(1, 100), 2),
    /** The fraction of each wait that is random, so that the clients of one server do not come back all at once. */
    jitter: v.optional(numberFrom(0, 1), 0.5),
    /** After how many failed attempts in a row to give up; without it never. */
    maxAttempts: v.optional(wholeNumber(1)),
    /** Whether a handle also connects again after the peer's goodbye, as after the orderly restart of a service. */
    afterGoodbye: v.optional(v.boolean('true or false is allowed'), true),
  }),
  v.forward(
    v.check(({ initialDelayMs, maxDelayMs }) => initialDelayMs <= maxDelayMs, 'at most maxDelayMs is allowed'),
    ['initialDelayMs'],
  ),
);

/** The options that every transport keeps to. */
export const commonSchema = section({
  /** Where: a name, or an address with a scheme, of 1 to 2048 bytes. */
  endpoint,
  /** The name of a transport, or `auto` for every transport that serves an endpoint, in the order of their preference. */
  backend: v.optional(text(1), 'auto'),
  /** Further endpoints: a client tries them in order, a server listens on all. */
  fallback: v.optional(listOf(endpoint), []),
  /** How long one attempt to connect may last, in milliseconds. */
  connectTimeoutMs: v.optional(durationMs(), 5000),
  /** How long a waiting `send()` lasts, and how long `disconnect()` waits for a full peer, in milliseconds. */
  sendTimeoutMs: v.optional(durationMs(), 5000),
  /** Bytes of the longest message, in both directions; the smaller value of both ends counts. */
  maxMessageSize: v.optional(wholeNumber(1, 1024 * MIB), 16 * MIB),
  /** Bytes that one channel may have on the way to this side; each frame counts 64 more. */
  channelWindow: v.optional(wholeNumber(MIN_CHANNEL_WINDOW, 1024 * MIB), 1 * MIB),
  /** Named channels of a connection. */
  maxChannels: v.optional(wholeNumber(0, 65_535), 256),
  /** A secret of 16 characters or more that both sides must have; proved in the handshake, never sent. */
  secret: v.optional(text(MIN_SECRET_CHARACTERS)),
  /** Bytes that unfinished `send()` calls of a connection may hold. */
  sendQueueBytes: v.optional(wholeNumber(0, 4096 * MIB), 64 * MIB),
  /** Lets a manager's handle connect again by itself when a connection ended; servers and bare connections ignore it. */
  reconnect: v.optional(reconnectSchema),
  /**
   * Asked by a server for each client, after the client has proved what it must and before it is told that it is connected. A
   * failure refuses the client with `ResourceLimitExceeded`. A managed server asks it beside its manager's `capacity`;
   * clients ignore it.
   */
  admit: v.optional(v.custom<Admit>((given) => typeof given === 'function', 'a function is allowed')),
  /** Options of transports without a section of their own, by backend name; such a transport checks them itself. */
  transportOptions: v.optional(
    v.record(
      v.string(),
      v.record(v.string(), v.unknown(), 'an object is allowed'),
      'an object with one object for each backend is allowed',
    ),
    {},
  ),
});
