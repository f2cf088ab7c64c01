import * as v from './valibot.js';
import type { Admit } from '../api/admission.js';
import { MIN_CHANNEL_WINDOW } from '../wire/peer-limits.js';
import { faultOfEndpoint } from './endpoint.js';
import {
  byteCount,
  durationMs,
  flag,
  listOf,
  numberFrom,
  schemaOf,
  section,
  text,
  wholeNumber,
} from './option-schemas.js';
import type { Complete } from './transport-sections.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** An attacker could guess a shorter secret by trying. */
const MIN_SECRET_CHARACTERS = 16;

/**
 * The options that every transport obeys, as a user writes them. `docs/configuration.md` lists them with their defaults
 * and allowed values.
 */
export interface CommonOptions {
  /** Where to connect or to listen: a name, or an address with a scheme. */
  endpoint: string;
  /**
   * The name of a transport, or `auto` for every transport that serves an endpoint, in the order of their preference.
   */
  backend?: string | undefined;
  /**
   * More endpoints: a client tries them in order, a server listens on all of them. An endpoint that is listed twice
   * counts once.
   */
  fallback?: readonly string[] | undefined;
  /** How long one attempt to connect may last, in milliseconds. */
  connectTimeoutMs?: number | undefined;
  /** How long a waiting `send()` lasts, and how long `disconnect()` waits for a full peer, in milliseconds. */
  sendTimeoutMs?: number | undefined;
  /** Bytes of the longest message, in both directions; the smaller value of both ends counts. */
  maxMessageSize?: number | undefined;
  /** Bytes of one channel that may be in flight to this side; each frame counts 64 bytes more. */
  channelWindow?: number | undefined;
  /** The largest number of open named channels of a connection. */
  maxChannels?: number | undefined;
  /**
   * A secret that both sides must know. Each side proves in the handshake that it knows it. The secret itself is never
   * sent.
   */
  secret?: string | undefined;
  /** Bytes that unfinished `send()` calls of a connection may hold. */
  sendQueueBytes?: number | undefined;
  /**
   * Makes a manager's handle reconnect by itself after its connection ended. Servers and bare connections ignore it.
   */
  reconnect?: ReconnectOptions | undefined;
  /**
   * A function that decides whether a server admits one more client, before the client's `connect()` resolves. A
   * failure refuses the client with `ResourceLimitExceeded`. A managed server also checks its manager's `capacity`.
   * Clients ignore it. Only code can set it.
   */
  admit?: Admit | undefined;
  /** Options of transports that have no section, by backend name. Such a transport checks them itself. */
  transportOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
}

/** The options that every transport obeys, complete. */
export interface CommonConfig extends Complete<CommonOptions, 'secret' | 'reconnect' | 'admit'> {
  /** The policy for reconnecting, complete. Undefined if a handle does not reconnect. */
  readonly reconnect?: ReconnectConfig | undefined;
}

/** When and how often a handle reconnects by itself. */
export interface ReconnectOptions {
  /** The wait before the first attempt after a connection ended, in milliseconds; at most `maxDelayMs`. */
  initialDelayMs?: number | undefined;
  /** The longest wait between two attempts, in milliseconds. A connection that lasts this long resets the waits. */
  maxDelayMs?: number | undefined;
  /** The factor by which each wait is longer than the one before. */
  factor?: number | undefined;
  /** The fraction of each wait that is random, so that the clients of one server do not reconnect all at once. */
  jitter?: number | undefined;
  /** The number of failed attempts in a row after which the handle gives up. Without it, the handle never gives up. */
  maxAttempts?: number | undefined;
  /**
   * Whether a handle also reconnects after the peer's goodbye, for example when a service restarts in an orderly way.
   */
  afterGoodbye?: boolean | undefined;
}

/** The policy for reconnecting, complete. */
export type ReconnectConfig = Complete<ReconnectOptions, 'maxAttempts'>;

const endpoint = v.pipe(
  v.string("a name like 'canvas' or an address like 'ws://host:port' is allowed"),
  v.check(
    (given) => faultOfEndpoint(given) === undefined,
    (issue) => faultOfEndpoint(issue.input) ?? '',
  ),
);

const reconnectSchema = v.pipe(
  section({
    initialDelayMs: v.optional(durationMs(), 100),
    maxDelayMs: v.optional(durationMs(), 30_000),
    factor: v.optional(numberFrom(1, 100), 2),
    jitter: v.optional(numberFrom(0, 1), 0.5),
    maxAttempts: v.optional(wholeNumber(1)),
    afterGoodbye: v.optional(flag(), true),
  }),
  v.forward(
    v.check(({ initialDelayMs, maxDelayMs }) => initialDelayMs <= maxDelayMs, 'at most maxDelayMs is allowed'),
    ['initialDelayMs'],
  ),
);

/** Checks the options that every transport obeys. */
export const commonSchema = schemaOf<CommonOptions, CommonConfig>()(
  section({
    endpoint,
    backend: v.optional(text(1), 'auto'),
    fallback: v.optional(listOf(endpoint), []),
    connectTimeoutMs: v.optional(durationMs(), 5000),
    sendTimeoutMs: v.optional(durationMs(), 5000),
    maxMessageSize: v.optional(byteCount(1, 1024 * MIB), 16 * MIB),
    channelWindow: v.optional(byteCount(MIN_CHANNEL_WINDOW, 1024 * MIB), 1 * MIB),
    maxChannels: v.optional(wholeNumber(0, 65_535), 256),
    secret: v.optional(text(MIN_SECRET_CHARACTERS)),
    sendQueueBytes: v.optional(byteCount(0, 4096 * MIB), 64 * MIB),
    reconnect: v.optional(reconnectSchema),
    admit: v.optional(v.custom<Admit>((given) => typeof given === 'function', 'a function is allowed')),
    transportOptions: v.optional(
      v.record(
        v.string(),
        v.record(v.string(), v.unknown(), 'an object is allowed'),
        'an object with one object for each backend is allowed',
      ),
      {},
    ),
  }),
);
