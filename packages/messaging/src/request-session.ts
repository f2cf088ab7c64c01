import {
  type Channel,
  type CloseReason,
  type ConsumerLease,
  NetworkError,
  OK,
  printable,
  type Result,
} from '@entropynet/core';
import { Answering, type AnsweringOptions } from './answering.js';
import { asNetworkError } from './codec.js';
import { type RequestConnection, whenClosed } from './messaging-connection.js';
import { Outbox, type Outgoing } from './outbox.js';
import { nextId, type PendingRequest } from './pending-request.js';
import {
  decodeFailure,
  decodeMetadata,
  failureFrame,
  frameOf,
  NO_METADATA,
  parseFrame,
  RequestFrame,
  type RequestMetadata,
} from './request-frame.js';

/** The requests of both sides on one connection. It ends with the connection or with the channel, and never comes back. */
export class RequestSession<InRequest, InReply> {
  readonly #connection: RequestConnection;
  readonly #name: string;
  #channel: Channel;
  #lease: ConsumerLease | undefined;
  readonly #hasOpened: boolean;
  readonly #outbox: Outbox;
  readonly #answering: Answering<InRequest, InReply>;
  readonly #pending = new Map<number, PendingRequest>();
  #unwatch: () => void = () => undefined;
  /** What came last that goes with the next request. */
  #announced: { readonly id: number; readonly metadata: RequestMetadata } | undefined;
  #isOpening = true;
  #end: NetworkError | undefined;

  /** Takes the channel's messages. It has ended at once, with `AlreadyExists`, where another consumer has them. */
  constructor(connection: RequestConnection, name: string, options: AnsweringOptions<InRequest, InReply>) {
    this.#connection = connection;
    this.#name = name;
    this.#channel = connection.channel(name);
    this.#hasOpened = !this.#channel.isOpen;
    this.#outbox = new Outbox();
    this.#answering = new Answering(options, this.#outbox, (isReading) => {
      if (isReading) this.#lease?.resume();
      else this.#lease?.pause();
    });
    try {
      this.#lease = this.#take();
    } catch (error) {
      this.#end = asNetworkError(error);
      return;
    }
    this.#unwatch = whenClosed(connection.closed, (reason) => {
      // Replies that had arrived still count; there is nobody to answer any more. Then the lease ends.
      this.#answering.end(endOf(reason, false, name));
      this.#lease?.resume();
    });
    connection.startReceiving();
  }

  /** Why nothing goes over it any more; undefined while it stands. */
  get end(): NetworkError | undefined {
    return this.#end;
  }

  /** Whether requests may go over it. */
  get isUsable(): boolean {
    return this.#end === undefined && this.isConnected;
  }

  /** Whether its connection stands. */
  get isConnected(): boolean {
    return this.#connection.isConnected();
  }

  /** Opens the channel; sends what waits for that. */
  async open(signal: AbortSignal | undefined): Promise<Result> {
    if (this.#end !== undefined) return { ok: false, error: this.#end };
    const opened = await this.#connection.openChannel(this.#name, signal === undefined ? {} : { signal });
    this.#isOpening = false;
    if (!opened.ok) {
      void this.close(opened.error);
      return opened;
    }
    const ended = this.end;
    if (ended !== undefined) return { ok: false, error: ended };
    if (this.#lease?.isHeld !== true) {
      // The channel that an earlier user had closed was still ending; this is the next one of its name.
      const taken = this.#takeNext();
      if (!taken.ok) return taken;
    }
    this.#outbox.start(this.#channel);
    return opened;
  }

  /** Asks the peer. */
  ask(request: PendingRequest): void {
    request.assign(nextId((id) => this.#pending.has(id)));
    const { id } = request;
    this.#pending.set(id, request);
    request.onSettled = (isGivenUp) => {
      this.#pending.delete(id);
      this.#outbox.withdraw(request);
      if (isGivenUp && request.progress === 'sent') this.#outbox.push(notice(frameOf(RequestFrame.Cancel, id)));
    };
    this.#outbox.push(request);
  }

  /** Ends what is under way for that reason, and gives the channel back; resolves when that is done. */
  async close(error: NetworkError): Promise<void> {
    if (this.#end !== undefined) return;
    const sent = [...this.#pending.values()].filter(({ progress }) => progress === 'sent').map(({ id }) => id);
    const unanswered = this.#answering.end(error);
    this.#settle(error);
    const closed = this.#hasOpened ? await this.#channel.close() : undefined;
    if (closed === undefined || (!closed.ok && closed.error.code === 'NotSupported')) {
      // The channel goes on without these requests: the peer learns what it need not wait for.
      for (const id of sent) this.#outbox.push(notice(frameOf(RequestFrame.Cancel, id)));
      for (const id of unanswered) this.#outbox.push(notice(failureFrame(id, error)));
      this.#outbox.finish();
    } else this.#outbox.close();
  }

  #takeNext(): Result {
    let failure = new NetworkError('ConnectionClosed', closedByPeer(this.#name));
    try {
      this.#channel = this.#connection.channel(this.#name);
      this.#lease = this.#take();
      if (this.#channel.isOpen) return OK;
    } catch (error) {
      failure = asNetworkError(error);
    }
    this.#finish(failure);
    return { ok: false, error: failure };
  }

  #take(): ConsumerLease {
    return this.#channel.take(
      {
        onMessage: (data) => {
          this.#receive(data);
        },
        onEnd: (reason) => {
          if (!this.#isOpening || !this.isConnected) this.#finish(endOf(reason, this.isConnected, this.#name));
        },
      },
      { name: 'requestReply()' },
    );
  }

  #receive(message: Uint8Array): void {
    const frame = parseFrame(message);
    // Junk, and replies that nobody waits for any more, change nothing.
    if (frame === undefined) return;
    const { type, id, rest } = frame;
    if (type === RequestFrame.Metadata) {
      this.#announced = { id, metadata: decodeMetadata(rest) };
    } else if (type === RequestFrame.Request) {
      const metadata = this.#announced?.id === id ? this.#announced.metadata : NO_METADATA;
      this.#announced = undefined;
      this.#answering.take(id, rest, metadata);
    } else if (type === RequestFrame.Cancel) this.#answering.cancel(id);
    else if (type === RequestFrame.Reply) this.#pending.get(id)?.finish({ ok: true, value: rest });
    else this.#pending.get(id)?.finish({ ok: false, error: decodeFailure(rest) });
  }

  /** The connection or the channel has ended: nothing can be told to the peer any more. */
  #finish(error: NetworkError): void {
    if (this.#end !== undefined) return;
    this.#answering.end(error);
    this.#outbox.close();
    this.#settle(error);
  }

  #settle(error: NetworkError): void {
    this.#end = error;
    this.#unwatch();
    this.#lease?.release();
    for (const request of [...this.#pending.values()]) request.end(error);
  }
}

function endOf({ error }: CloseReason, isConnected: boolean, name: string): NetworkError {
  if (isConnected) return new NetworkError('ConnectionClosed', closedByPeer(name));
  if (error === undefined) return new NetworkError('ConnectionClosed', 'the connection ended');
  return new NetworkError(error.code, `the connection ended: ${error.message}`, error);
}

function closedByPeer(name: string): string {
  return `channel "${printable(name, 255)}" was closed`;
}

/** A message that nobody waits for. */
function notice(frame: Uint8Array): Outgoing {
  return { frames: [frame], onSent: ignore, onFailed: ignore };
}

function ignore(): void {
  // The peer either learns it, or has ended.
}
