import {
  checkChannelName,
  checkConnection,
  err,
  faultOfOptions,
  kindOf,
  NetworkError,
  OK,
  ok,
  type Result,
} from '@entropynet/core';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AnsweringOptions, RequestHandler } from './answering.js';
import { CODEC, type Codec, decodeReply, encodeWith, jsonCodec, SCHEMA } from './codec.js';
import { HandlerSlot } from './handler-slot.js';
import { type RequestConnection, whenClosed } from './messaging-connection.js';
import { PendingRequest } from './pending-request.js';
import { encodeMetadata, type RequestMetadata } from './request-frame.js';
import { RequestSession } from './request-session.js';

/**
 * Options of `requestReply`.
 * @typeParam InRequest what the peer asks
 * @typeParam Reply what the peer replies
 */
export interface RequestReplyOptions<InRequest, Reply> {
  /** The named channel that both sides use. @default 'requests' */
  readonly channel?: string;
  /** @default JSON */
  readonly codec?: Codec;
  /** Checks the requests that come in, before the handler sees them. */
  readonly requestSchema?: StandardSchemaV1<unknown, InRequest>;
  /** Checks the replies that come in. */
  readonly replySchema?: StandardSchemaV1<unknown, Reply>;
  /** Gives up the wait until the channel is open; requests have signals of their own. */
  readonly signal?: AbortSignal;
  /** How long a request waits for its reply, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
  /** How long a request of the peer waits for the first `handle()`, in milliseconds. @default 1000 */
  readonly handlerTimeoutMs?: number;
  /** Requests of this side that may wait at once; one more is `ResourceLimitExceeded`. @default 1024 */
  readonly maxPending?: number;
  /** Requests of the peer that are handled at once; one more is refused. @default 1024 */
  readonly maxHandled?: number;
  /** Bytes of requests that are handled and of replies that wait to be sent; what exceeds them is refused. @default 64 MiB */
  readonly maxHandledBytes?: number;
}

/** What one request may have of its own. */
export interface RequestOptions {
  /** Gives the request up. */
  readonly signal?: AbortSignal;
  /** How long it waits for its reply, in milliseconds. */
  readonly timeoutMs?: number;
  /** Goes with the request to the peer's handler: at most 8192 bytes as JSON. */
  readonly metadata?: RequestMetadata;
}

const OPTIONS = {
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

const REQUEST_OPTIONS = { signal: 'an AbortSignal', timeoutMs: 'a number', metadata: 'an object' } as const;

/** The greatest value of each number among the options; the smallest is 1. */
const MOST = {
  timeoutMs: 2 ** 31 - 1,
  handlerTimeoutMs: 2 ** 31 - 1,
  maxPending: 2 ** 31 - 1,
  maxHandled: 2 ** 31 - 1,
  maxHandledBytes: Number.MAX_SAFE_INTEGER,
} as const;

/**
 * Requests and replies over a channel, both ways at once. It opens the channel and takes its messages: a second consumer
 * gets `AlreadyExists`, as this one does where there is one already.
 *
 * On a connection, which has to be connected, it ends with that connection. On a manager's handle it stays: it opens the
 * channel on each connection that the handle gets, with the same handler, also where the handle is not connected yet.
 * @typeParam Request what this side asks
 * @typeParam Reply what the peer replies
 * @typeParam InRequest what the peer asks
 * @typeParam InReply what this side replies
 */
export function requestReply<Request = unknown, Reply = unknown, InRequest = Request, InReply = Reply>(
  connection: RequestConnection,
  options: RequestReplyOptions<InRequest, Reply> = {},
): Promise<Result<RequestReply<Request, Reply, InRequest, InReply>>> {
  return RequestReply.open(connection, options);
}

/** What `requestReply` resolves with. Memory is bounded by the limits of its options, whatever the peer sends. */
export class RequestReply<Request = unknown, Reply = unknown, InRequest = Request, InReply = Reply> {
  readonly #connection: RequestConnection;
  readonly #options: RequestReplyOptions<InRequest, Reply>;
  readonly #codec: Codec;
  readonly #handler: HandlerSlot<RequestHandler<InRequest, InReply>>;
  readonly #answering: AnsweringOptions<InRequest, InReply>;
  /** Requests without an outcome. */
  readonly #pending = new Set<PendingRequest>();
  /** The latest; over where the handle gets another connection, or where everything has ended. */
  #session: RequestSession<InRequest, InReply> | undefined;
  /** The promise of the handle that is watched, and how it resolved. */
  #life: Promise<unknown> | undefined;
  #end: NetworkError | undefined;
  #unfollow: () => void = () => undefined;
  #unwatch: () => void = () => undefined;
  #closing: Promise<void> | undefined;

  private constructor(connection: RequestConnection, options: RequestReplyOptions<InRequest, Reply>) {
    this.#connection = connection;
    this.#options = options;
    this.#codec = options.codec ?? jsonCodec();
    this.#handler = new HandlerSlot(options.handlerTimeoutMs ?? 1000);
    this.#answering = {
      codec: this.#codec,
      requestSchema: options.requestSchema,
      maxHandled: options.maxHandled ?? 1024,
      maxHandledBytes: options.maxHandledBytes ?? 64 * 1024 * 1024,
      handler: this.#handler,
    };
  }

  /** As `requestReply`. */
  static async open<Request, Reply, InRequest, InReply>(
    connection: RequestConnection,
    options: RequestReplyOptions<InRequest, Reply>,
  ): Promise<Result<RequestReply<Request, Reply, InRequest, InReply>>> {
    checkConnection('requestReply()', connection);
    const fault = faultOfOptions('requestReply()', options, OPTIONS);
    if (fault !== undefined) return { ok: false, error: fault };
    const requests = new RequestReply<Request, Reply, InRequest, InReply>(connection, options);
    const begun = await requests.#begin();
    if (begun.ok) return ok(requests);
    await requests.close();
    return begun;
  }

  /**
   * Sets the function that answers the peer's requests; null refuses them as `NotSupported`. Requests that come before the
   * first call wait for it, at most `handlerTimeoutMs`.
   */
  handle(handler: RequestHandler<InRequest, InReply> | null): void {
    if (handler !== null && typeof handler !== 'function') {
      throw new TypeError(`a handler is a function or null; ${kindOf(handler)} was given`);
    }
    this.#handler.set(handler);
  }

  /**
   * Asks the peer, at most once: what may have been sent is never sent again. While a handle is not connected and may be,
   * the request waits for the connection. `Timeout`: no reply in time; `Aborted`: by the signal, and the peer's handler is
   * told of both; `CallbackFailed`: the peer's handler threw; `NotSupported`: it has none; `ResourceLimitExceeded`: too
   * many at once, here or there; `InvalidMessage`: a value that codec or schema refuse; `MessageTooLarge`: the request, or
   * the reply; otherwise the error with which the connection ended. The message says whether the request was sent.
   */
  async request(value: Request, options: RequestOptions = {}): Promise<Result<Reply>> {
    const fault = faultOfOptions('request()', options, REQUEST_OPTIONS);
    if (fault !== undefined) return { ok: false, error: fault };
    const { maxPending = 1024, timeoutMs: usualTimeoutMs = 5000, replySchema } = this.#options;
    const { signal, timeoutMs = usualTimeoutMs, metadata } = options;
    const complaint = complaintAbout({ timeoutMs });
    if (complaint !== undefined) return err('InvalidParameter', complaint);
    if (signal?.aborted === true) return err('Aborted', 'the request was aborted; it was not sent', signal.reason);
    const failure = this.#refusal();
    if (failure !== undefined) return { ok: false, error: failure };
    if (this.#pending.size >= maxPending)
      return err('ResourceLimitExceeded', `${maxPending} requests wait for a reply already (maxPending)`);
    const bytes = encodeWith(this.#codec, value);
    if (!bytes.ok) return bytes;
    const encoded = metadata === undefined ? undefined : encodeMetadata(metadata);
    if (typeof encoded === 'string') return err('InvalidParameter', encoded);
    const request = new PendingRequest({ value: bytes.value, metadata: encoded, timeoutMs, signal }, (done) => {
      this.#pending.delete(done);
    });
    this.#pending.add(request);
    if (this.#session?.isUsable === true) this.#session.ask(request);
    const reply = await request.reply;
    return reply.ok ? decodeReply(this.#codec, replySchema, reply.value) : reply;
  }

  /**
   * Ends what waits with `ConnectionClosed`, aborts the handlers, and gives the channel's messages back; the channel too,
   * where it was opened here. The peer is told. The connection goes on. Resolves when that is done. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As `close()`, for `using`. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** As `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(): Promise<Result> {
    const { channel = 'requests', signal } = this.#options;
    const connection = this.#connection;
    const valid = checkChannelName(channel);
    if (!valid.ok) return valid;
    const complaint = complaintAbout(this.#options);
    if (complaint !== undefined) return err('InvalidParameter', complaint);
    if (signal?.aborted === true) return err('Aborted', 'the requests were aborted', signal.reason);
    if (connection.onConnected === undefined) return this.#enter(connection, signal);
    const first: Promise<Result>[] = [];
    let isBeginning = true;
    this.#unfollow = connection.onConnected((next) => {
      if (!isBeginning) return this.#report(this.#enter(next, undefined));
      first.push(this.#enter(next, signal));
      return undefined;
    });
    isBeginning = false;
    this.#watch();
    if (first[0] !== undefined) return first[0];
    // A handle that gets no connection any more says so at once, and why when it is asked for a channel.
    await Promise.race([connection.closed, Promise.resolve()]);
    return this.#end === undefined ? OK : connection.openChannel(channel);
  }

  /** What can't be set up on a later connection is an `error` event of the handle, unless that connection has ended. */
  async #report(entering: Promise<Result>): Promise<void> {
    const entered = await entering;
    if (!entered.ok && this.#session?.isConnected === true && this.#closing === undefined) throw entered.error;
  }

  /** Begins on a connection that stands, with the requests that wait for one. */
  #enter(connection: RequestConnection, signal: AbortSignal | undefined): Promise<Result> {
    void this.#session?.close(new NetworkError('ConnectionClosed', 'the connection ended'));
    const session = new RequestSession(connection, this.#options.channel ?? 'requests', this.#answering);
    this.#session = session;
    for (const request of [...this.#pending]) {
      if (session.end === undefined) session.ask(request);
      else request.end(session.end);
    }
    return session.open(signal);
  }

  /** Why no request can be taken now; undefined also while one has to wait for a connection. */
  #refusal(): NetworkError | undefined {
    if (this.#closing !== undefined) return closedHere();
    const session = this.#session;
    if (session?.isUsable === true) return undefined;
    // Somebody closed the channel, or has its messages; or there is no other connection to wait for.
    if (session !== undefined && (session.isConnected || this.#connection.onConnected === undefined)) {
      return session.end ?? new NetworkError('ConnectionClosed', 'the connection has ended');
    }
    this.#watch();
    return this.#end;
  }

  /** Learns when the handle gets no connection any more. It may be connected again after that: then it has a new promise. */
  #watch(): void {
    const { closed } = this.#connection;
    if (closed === this.#life) return;
    this.#unwatch();
    this.#life = closed;
    this.#end = undefined;
    this.#unwatch = whenClosed(closed, ({ error }) => {
      const end = new NetworkError(error?.code ?? 'ConnectionClosed', 'the connection has ended', error);
      this.#end = end;
      for (const request of [...this.#pending]) if (request.progress === 'waiting for a connection') request.end(end);
    });
  }

  async #close(): Promise<void> {
    const error = closedHere();
    this.#unfollow();
    this.#unwatch();
    for (const request of [...this.#pending]) if (request.progress === 'waiting for a connection') request.end(error);
    await this.#session?.close(error);
  }
}

/** What is wrong with a number among the options; undefined where nothing is. */
function complaintAbout(options: { readonly [Key in keyof typeof MOST]?: number | undefined }): string | undefined {
  for (const [key, most] of Object.entries(MOST) as [keyof typeof MOST, number][]) {
    const value = options[key];
    if (value !== undefined && !(value >= 1 && value <= most)) return `${key} is 1 to ${most}; ${value} was given`;
  }
  return undefined;
}

function closedHere(): NetworkError {
  return new NetworkError('ConnectionClosed', 'these requests were closed');
}
