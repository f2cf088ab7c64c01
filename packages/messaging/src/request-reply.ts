import { err, NetworkError, ok, type Result } from '@entropynet/core';
import { startTimer, stopTimer } from '@entropynet/core/platform';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { asNetworkError, type Codec, decodeWith, encodeWith, jsonCodec, reasonOf } from './codec.js';
import {
  decodeFailure,
  decodeMetadata,
  failureFrame,
  frameOf,
  MAX_METADATA_BYTES,
  metadataFrame,
  NO_METADATA,
  parseFrame,
  RequestFrame,
  type RequestMetadata,
} from './request-frame.js';
import type { MessagingConnection } from './typed-port.js';

/** What requests need of a connection: a `NetworkConnection` or a `ConnectionHandle`. */
export type RequestConnection = Pick<
  MessagingConnection,
  'messages' | 'openChannel' | 'sendOnChannel' | 'trySendOnChannel'
>;

/** Options of `requestReply`. */
export interface RequestReplyOptions<Request, Reply> {
  /** The named channel that both sides use. @default 'requests' */
  readonly channel?: string;
  /** @default JSON */
  readonly codec?: Codec;
  /** Checks the requests that come in, before the handler sees them. */
  readonly requestSchema?: StandardSchemaV1<unknown, Request>;
  /** Checks the replies that come in. */
  readonly replySchema?: StandardSchemaV1<unknown, Reply>;
  /** Gives up the wait until the channel is open; requests have signals of their own. */
  readonly signal?: AbortSignal;
  /** How long a request waits for its reply, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
  /** Requests of this side that may wait at once; one more is `ResourceLimitExceeded`. @default 1024 */
  readonly maxPending?: number;
  /** Requests of the peer that are handled at once; one more is refused. @default 1024 */
  readonly maxHandled?: number;
}

/** Answers a request. What it throws is told to the peer. */
export type RequestHandler<Request, Reply> = (request: Request, context: RequestContext) => Reply | Promise<Reply>;

/** What a handler is told beside the request. */
export interface RequestContext {
  /** Aborts where the peer does not wait any more. */
  readonly signal: AbortSignal;
  /** What the peer sent along; empty where that is nothing. Names and texts are the peer's: check them. */
  readonly metadata: RequestMetadata;
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

interface Pending {
  readonly finish: (result: Result<Uint8Array>) => void;
}

const MAX_ID = 0xffff_ffff;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Requests and replies over a channel of a connected connection, both ways at once; opens the channel. */
export async function requestReply<Request = unknown, Reply = unknown>(
  connection: RequestConnection,
  options: RequestReplyOptions<Request, Reply> = {},
): Promise<Result<RequestReply<Request, Reply>>> {
  const { channel = 'requests', signal } = options;
  const opened = await connection.openChannel(channel, { ...(signal !== undefined && { signal }) });
  return opened.ok ? ok(new RequestReply(connection, options)) : opened;
}

/** What `requestReply` resolves with. Memory is bounded by the two limits, whatever the peer sends. */
export class RequestReply<Request = unknown, Reply = unknown> {
  readonly #connection: RequestConnection;
  readonly #options: RequestReplyOptions<Request, Reply>;
  readonly #channel: string;
  readonly #codec: Codec;
  readonly #messages: AsyncIterableIterator<Uint8Array, undefined>;
  readonly #pending = new Map<number, Pending>();
  readonly #handled = new Map<number, AbortController>();
  /** What came last that goes with the next request. */
  #announced: { readonly id: number; readonly metadata: RequestMetadata } | undefined;
  #handler: RequestHandler<Request, Reply> | undefined;
  #lastId = 0;
  #isClosed = false;

  /** Made by `requestReply`. */
  constructor(connection: RequestConnection, options: RequestReplyOptions<Request, Reply>) {
    this.#connection = connection;
    this.#options = options;
    this.#channel = options.channel ?? 'requests';
    this.#codec = options.codec ?? jsonCodec();
    this.#messages = connection.messages({ channel: this.#channel });
    void this.#readOn();
  }

  /** Sets who answers the peer's requests; without a handler they are refused as `NotSupported`. */
  handle(handler: RequestHandler<Request, Reply> | null): void {
    this.#handler = handler ?? undefined;
  }

  /**
   * Asks the peer. `Timeout`: no reply in time; `Aborted`: by the signal, and the peer's handler is told of both;
   * `CallbackFailed`: the peer's handler threw; `NotSupported`: it has none; `ResourceLimitExceeded`: too many at once, here
   * or there; `InvalidMessage`: a value that codec or schema refuse; otherwise the error with which the connection ended.
   */
  async request(value: Request, options: RequestOptions = {}): Promise<Result<Reply>> {
    const { maxPending = 1024, timeoutMs: usualTimeoutMs = 5000, replySchema } = this.#options;
    const { signal, timeoutMs = usualTimeoutMs, metadata } = options;
    if (!(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS))
      return err('InvalidParameter', `timeoutMs is 1 to ${MAX_TIMEOUT_MS}; ${timeoutMs} was given`);
    if (this.#isClosed) return err('ConnectionClosed', 'these requests were closed');
    if (signal?.aborted === true) return err('Aborted', 'the request was aborted', signal.reason);
    if (this.#pending.size >= maxPending)
      return err('ResourceLimitExceeded', `${maxPending} requests wait for a reply already (maxPending)`);
    const bytes = encodeWith(this.#codec, value);
    if (!bytes.ok) return bytes;
    const id = this.#freeId();
    const frames = [frameOf(RequestFrame.Request, id, bytes.value)];
    if (metadata !== undefined) {
      const frame = metadataFrame(id, metadata);
      if (frame === undefined)
        return err('InvalidParameter', `metadata has at most ${MAX_METADATA_BYTES} bytes as JSON`);
      frames.unshift(frame);
    }
    const reply = await this.#ask(id, frames, timeoutMs, signal);
    return reply.ok ? decodeWith(this.#codec, replySchema, reply.value) : reply;
  }

  /** Ends what waits with `ConnectionClosed`, aborts the handlers, and leaves the channel. The connection goes on. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    void this.#messages.return?.();
    this.#endAll(new NetworkError('ConnectionClosed', 'these requests were closed'));
  }

  /** As `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #ask(
    id: number,
    frames: readonly Uint8Array[],
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Result<Uint8Array>> {
    return new Promise((resolve) => {
      const giveUp = (failure: Result<never>): void => {
        // Behind the request itself, which may still wait for room.
        void this.#connection.sendOnChannel(this.#channel, frameOf(RequestFrame.Cancel, id));
        finish(failure);
      };
      const onAbort = (): void => {
        giveUp(err('Aborted', 'the request was aborted', signal?.reason));
      };
      const timer = startTimer(() => {
        giveUp(err('Timeout', `no reply within ${timeoutMs} ms (timeoutMs)`));
      }, timeoutMs);
      const finish = (result: Result<Uint8Array>): void => {
        stopTimer(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#pending.delete(id);
        resolve(result);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, { finish });
      // One right behind the other: nothing comes between a request and what goes with it.
      for (const frame of frames) {
        const sending = this.#connection.sendOnChannel(this.#channel, frame, {
          ...(signal !== undefined && { signal }),
        });
        void sending.then((sent) => {
          if (!sent.ok) finish(sent);
        });
      }
    });
  }

  #freeId(): number {
    do this.#lastId = this.#lastId === MAX_ID ? 0 : this.#lastId + 1;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  async #readOn(): Promise<void> {
    let end = new NetworkError('ConnectionClosed', 'the connection ended');
    try {
      for await (const message of this.#messages) this.#take(message);
    } catch (error) {
      end = asNetworkError(error);
    }
    this.#endAll(end);
  }

  #take(message: Uint8Array): void {
    const frame = parseFrame(message);
    // Junk, and replies that nobody waits for any more, change nothing.
    if (frame === undefined) return;
    const { type, id, rest } = frame;
    if (type === RequestFrame.Metadata) {
      this.#announced = { id, metadata: decodeMetadata(rest) };
      return;
    }
    if (type === RequestFrame.Request) {
      const metadata = this.#announced?.id === id ? this.#announced.metadata : NO_METADATA;
      this.#announced = undefined;
      void this.#answer(id, rest, metadata);
    } else if (type === RequestFrame.Cancel)
      this.#handled.get(id)?.abort(new NetworkError('Aborted', 'the peer gave the request up'));
    else
      this.#pending.get(id)?.finish(type === RequestFrame.Reply ? ok(rest) : { ok: false, error: decodeFailure(rest) });
  }

  async #answer(id: number, bytes: Uint8Array, metadata: RequestMetadata): Promise<void> {
    const { maxHandled = 1024 } = this.#options;
    // A number that is in use already is the peer's mistake: its first request goes on.
    if (this.#handled.has(id)) return;
    if (this.#handled.size >= maxHandled) {
      const refusal = new NetworkError('ResourceLimitExceeded', `${maxHandled} requests are handled already`);
      // Now or never: a peer that asks without end and reads nothing must not fill this side's queue.
      this.#connection.trySendOnChannel(this.#channel, failureFrame(id, refusal));
      return;
    }
    const controller = new AbortController();
    this.#handled.set(id, controller);
    const outcome = await this.#outcomeOf(bytes, { signal: controller.signal, metadata });
    // It counts as handled until the transport has its reply.
    if (!controller.signal.aborted) await this.#reply(id, outcome);
    this.#handled.delete(id);
  }

  async #reply(id: number, outcome: Result<Uint8Array>): Promise<void> {
    const frame = outcome.ok ? frameOf(RequestFrame.Reply, id, outcome.value) : failureFrame(id, outcome.error);
    const sent = await this.#connection.sendOnChannel(this.#channel, frame);
    if (!sent.ok && sent.error.code === 'MessageTooLarge')
      await this.#connection.sendOnChannel(this.#channel, failureFrame(id, sent.error));
  }

  async #outcomeOf(bytes: Uint8Array, context: RequestContext): Promise<Result<Uint8Array>> {
    const request = await decodeWith(this.#codec, this.#options.requestSchema, bytes);
    if (!request.ok) return request;
    const handler = this.#handler;
    if (handler === undefined) return err('NotSupported', 'nobody handles requests here');
    try {
      return encodeWith(this.#codec, await handler(request.value, context));
    } catch (error) {
      return err('CallbackFailed', `its handler failed: ${reasonOf(error)}`, error);
    }
  }

  #endAll(error: NetworkError): void {
    for (const { finish } of [...this.#pending.values()]) finish({ ok: false, error });
    for (const controller of this.#handled.values()) controller.abort(error);
  }
}
