import type { StandardSchemaV1 } from '@standard-schema/spec';
import { CODEC, type Codec, SCHEMA } from './codec.js';
import type { RequestMetadata } from './request-frame.js';

/**
 * Options of `requestReply`.
 * @typeParam InRequest the requests of the peer
 * @typeParam Reply the replies of the peer
 */
export interface RequestReplyOptions<InRequest, Reply> {
  /** The named channel that both sides use. @default 'requests' */
  readonly channel?: string;
  /** The codec of requests and replies; both sides need the same. @default JSON */
  readonly codec?: Codec;
  /** The schema that checks incoming requests before the handler gets them. */
  readonly requestSchema?: StandardSchemaV1<unknown, InRequest>;
  /** The schema that checks incoming replies. */
  readonly replySchema?: StandardSchemaV1<unknown, Reply>;
  /** Aborts the wait for the channel. Each request has a signal of its own. */
  readonly signal?: AbortSignal;
  /** How long a request waits for its reply, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
  /** How long a request of the peer waits for the first `handle()`, in milliseconds. @default 1000 */
  readonly handlerTimeoutMs?: number;
  /** The largest number of requests without a reply. One more returns `ResourceLimitExceeded`. @default 1024 */
  readonly maxPending?: number;
  /** The largest number of the peer's requests in progress. This side refuses one more. @default 1024 */
  readonly maxHandled?: number;
  /**
   * The largest number of bytes of requests in progress and of waiting replies. This side refuses more.
   * @default 64 MiB
   */
  readonly maxHandledBytes?: number;
}

/** Options of one request. */
export interface RequestOptions {
  /** Cancels the request. */
  readonly signal?: AbortSignal;
  /** How long the request waits for its reply, in milliseconds. @default the `timeoutMs` of `requestReply` */
  readonly timeoutMs?: number;
  /** The metadata for the peer's handler: at most 8192 bytes as JSON. */
  readonly metadata?: RequestMetadata;
}

/** The kinds of the options of `requestReply`. */
export const REQUEST_REPLY_OPTIONS = {
  channel: 'a string',
  codec: CODEC,
  requestSchema: SCHEMA,
  replySchema: SCHEMA,
  signal: 'an AbortSignal',
  timeoutMs: 'a number',
  handlerTimeoutMs: 'a number',
  maxPending: 'a number',
  maxHandled: 'a number',
  maxHandledBytes: 'a number',
} as const;

/** The kinds of the options of a request. */
export const REQUEST_OPTIONS = { signal: 'an AbortSignal', timeoutMs: 'a number', metadata: 'an object' } as const;

/** The largest value of each number among the options. The smallest is 1. */
const MOST = {
  timeoutMs: 2 ** 31 - 1,
  handlerTimeoutMs: 2 ** 31 - 1,
  maxPending: 2 ** 31 - 1,
  maxHandled: 2 ** 31 - 1,
  maxHandledBytes: Number.MAX_SAFE_INTEGER,
} as const;

const LIMITS = Object.entries(MOST) as [keyof typeof MOST, number][];

/** Returns the fault of a number among the options of either; undefined if there is none. */
export function complaintAbout(options: { readonly [Key in keyof typeof MOST]?: number | undefined }):
  string | undefined {
  for (const [key, most] of LIMITS) {
    const value = options[key];
    if (value === undefined) continue;
    if (!(value >= 1 && value <= most)) return `${key} is 1 to ${most}; ${value} was given`;
    if (key.startsWith('max') && !Number.isInteger(value)) return `${key} is a whole number; ${value} was given`;
  }
  return undefined;
}
