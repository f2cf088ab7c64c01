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
  Roster,
} from '@entropynet/core';
import type { AnsweringOptions, RequestHandler } from './answering.js';
import { type Codec, decodeReply, encodeWith, jsonCodec } from './codec.js';
import { HandlerSlot } from './handler-slot.js';
import { type RequestConnection, whenClosed } from './messaging-connection.js';
import { PendingRequest } from './pending-request.js';
import { encodeMetadata } from './request-frame.js';
import {
  complaintAbout,
  REQUEST_OPTIONS,
  REQUEST_REPLY_OPTIONS,
  type RequestOptions,
  type RequestReplyOptions,
} from './request-options.js';
import { RequestSession } from './request-session.js';

/**
 * Sends requests and answers those of the peer, over a channel. It opens the channel and is its consumer.
 * `AlreadyExists`: the channel has another consumer.
 *
 * A connection must be connected, and the requests end with it. On a manager's handle they continue: the channel is
 * opened on each connection of the handle, with the same handler. The handle may be not connected yet.
 * @typeParam Request the requests of this side
 * @typeParam Reply the replies of the peer
 * @typeParam InRequest the requests of the peer
 * @typeParam InReply the replies of this side
 */
export function requestReply<Request = unknown, Reply = unknown, InRequest = Request, InReply = Reply>(
  connection: RequestConnection,
  options: RequestReplyOptions<InRequest, Reply> = {},
): Promise<Result<RequestReply<Request, Reply, InRequest, InReply>>> {
  return RequestReply.open(connection, options);
}

/**
 * Requests and replies on a channel; `requestReply` returns it. Its options limit the memory that a peer can fill.
 */
export class RequestReply<Request = unknown, Reply = unknown, InRequest = Request, InReply = Reply> {
  readonly #connection: RequestConnection;
  readonly #options: RequestReplyOptions<InRequest, Reply>;
  readonly #codec: Codec;
  readonly #handler: HandlerSlot<RequestHandler<InRequest, InReply>>;
  readonly #answering: AnsweringOptions<InRequest, InReply>;
  /** The requests without an outcome. */
  readonly #pending = new Roster<PendingRequest>();
  /** The latest session. It is over if the handle gets another connection, or if everything has ended. */
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

  /** The same as `requestReply`. */
  static async open<Request, Reply, InRequest, InReply>(
    connection: RequestConnection,
    options: RequestReplyOptions<InRequest, Reply>,
  ): Promise<Result<RequestReply<Request, Reply, InRequest, InReply>>> {
    checkConnection('requestReply()', connection);
    const fault = faultOfOptions('requestReply()', options, REQUEST_REPLY_OPTIONS);
    if (fault !== undefined) return { ok: false, error: fault };
    const requests = new RequestReply<Request, Reply, InRequest, InReply>(connection, options);
    const begun = await requests.#begin();
    if (begun.ok) return ok(requests);
    await requests.close();
    return begun;
  }

  /**
   * Sets the function that answers the peer's requests; null refuses them with `NotSupported`. Requests that arrive
   * before the first call wait for it, at most `handlerTimeoutMs`.
   */
  handle(handler: RequestHandler<InRequest, InReply> | null): void {
    if (handler !== null && typeof handler !== 'function') {
      throw new TypeError(`a handler is a function or null; ${kindOf(handler)} was given`);
    }
    this.#handler.set(handler);
  }

  /**
   * Sends a request and waits for its reply. It never sends a request twice. If a handle is not connected but will be,
   * the request waits for the connection. `Timeout`: no reply arrived in time. `Aborted`: the signal cancelled the
   * request. In both cases the `signal` of the peer's handler aborts. `CallbackFailed`: the peer's handler threw.
   * `NotSupported`: the peer has no handler. `ResourceLimitExceeded`: too many requests at once, on this side or the
   * peer's. `InvalidMessage`: the codec or a schema refused a value. `MessageTooLarge`: the request or the reply.
   * Otherwise the error that ended the connection. The error's message says whether the request was sent.
   */
  async request(value: Request, options: RequestOptions = {}): Promise<Result<Reply>> {
    const fault = faultOfOptions('request()', options, REQUEST_OPTIONS);
    if (fault !== undefined) return { ok: false, error: fault };
    const { maxPending = 1024, timeoutMs: usualTimeoutMs = 5000, replySchema } = this.#options;
    const { signal, timeoutMs = usualTimeoutMs, metadata } = options;
    const complaint = complaintAbout({ timeoutMs });
    if (complaint !== undefined) return err('InvalidParameter', complaint);
    const bytes = encodeWith(this.#codec, value);
    if (!bytes.ok) return bytes;
    const encoded = metadata === undefined ? undefined : encodeMetadata(metadata);
    if (typeof encoded === 'string') return err('InvalidParameter', encoded);
    // These checks follow the encoding, because toJSON() of a value may abort the signal, send, or close the requests.
    if (signal?.aborted === true) return err('Aborted', 'the request was aborted; it was not sent', signal.reason);
    const failure = this.#refusal();
    if (failure !== undefined) return { ok: false, error: failure };
    if (this.#pending.size >= maxPending)
      return err('ResourceLimitExceeded', `${maxPending} requests wait for a reply already (maxPending)`);
    const request = new PendingRequest({ value: bytes.value, metadata: encoded, timeoutMs, signal }, (done) => {
      this.#pending.delete(done);
    });
    this.#pending.add(request);
    if (this.#session?.isUsable === true) this.#session.ask(request);
    const reply = await request.reply;
    return reply.ok ? decodeReply(this.#codec, replySchema, reply.value) : reply;
  }

  /**
   * Ends the waiting requests of both sides with `ConnectionClosed`, aborts the handlers, and frees the channel for
   * another consumer. If this side opened the channel, it closes the channel. The connection stays open. A second call
   * has no effect.
   */
  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    let settle: (closed: Promise<void>) => void = () => undefined;
    // Stored before the work starts, because that runs listeners of the program.
    this.#closing = new Promise((resolve) => {
      settle = resolve;
    });
    settle(this.#close());
    return this.#closing;
  }

  /** Calls `close()`, for `using`. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** Calls `close()`, for `await using`. */
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
    // If a handle gets no further connection, its `closed` has resolved already; opening a channel then returns the reason.
    await Promise.race([connection.closed, Promise.resolve()]);
    return this.#end === undefined ? OK : connection.openChannel(channel);
  }

  /**
   * Reports a failed set-up on a later connection as an `error` event of the handle, unless that connection has ended.
   */
  async #report(entering: Promise<Result>): Promise<void> {
    const entered = await entering;
    if (!entered.ok && this.#session?.isConnected === true && this.#closing === undefined) throw entered.error;
  }

  /** Begins a session on an open connection, with the requests that wait for it. */
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

  /** The reason to refuse a request; undefined if it can be sent or can wait for a connection. */
  #refusal(): NetworkError | undefined {
    if (this.#closing !== undefined) return closedHere();
    const session = this.#session;
    if (session?.isUsable === true) return undefined;
    // The channel was closed or has another consumer, or no further connection follows.
    if (session !== undefined && (session.isConnected || this.#connection.onConnected === undefined)) {
      return session.end ?? new NetworkError('ConnectionClosed', 'the connection has ended');
    }
    this.#watch();
    return this.#end;
  }

  /** Waits for the end of the handle. If the handle connects again later, it has a new promise. */
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

function closedHere(): NetworkError {
  return new NetworkError('ConnectionClosed', 'these requests were closed');
}
