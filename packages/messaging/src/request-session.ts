import {
  type Channel,
  type CloseReason,
  type ConsumerLease,
  NetworkError,
  OK,
  printable,
  type Result,
  sendShortage,
} from '@entropynet/core';
import { KeyedRoster } from '@entropynet/core/platform';
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

/**
 * The requests of both sides on one connection. It ends with the connection or with the channel, and does not start
 * again.
 */
export class RequestSession<InRequest, InReply> {
  readonly #connection: RequestConnection;
  readonly #name: string;
  #channel: Channel;
  #lease: ConsumerLease | undefined;
  readonly #hasOpened: boolean;
  readonly #outbox: Outbox;
  readonly #answering: Answering<InRequest, InReply>;
  readonly #pending = new KeyedRoster<number, PendingRequest>();
  #unwatch: () => void = () => undefined;
  /** The last metadata that arrived, for the next request. */
  #announced: { readonly id: number; readonly metadata: RequestMetadata } | undefined;
  #isOpening = true;
  #end: NetworkError | undefined;

  /** Takes the channel's messages. If another consumer has them, the session ends at once with `AlreadyExists`. */
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
      // Replies that had arrived still count. No further answer can be sent. The lease ends after them.
      this.#answering.end(endOf(reason, false, name));
      this.#lease?.resume();
    });
    connection.startReceiving();
  }

  /** The reason why the session has ended; undefined while it stands. */
  get end(): NetworkError | undefined {
    return this.#end;
  }

  /** Whether requests can be sent over it. */
  get isUsable(): boolean {
    return this.#end === undefined && this.isConnected;
  }

  /** Whether its connection is connected. */
  get isConnected(): boolean {
    return this.#connection.isConnected();
  }

  /** Opens the channel, and sends the messages that waited for it. */
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
      // The closed channel of an earlier user was still ending. This is the next channel of its name.
      const taken = this.#takeNext();
      if (!taken.ok) return taken;
    }
    this.#outbox.start(this.#channel);
    return opened;
  }

  /** Sends a request to the peer. */
  ask(request: PendingRequest): void {
    try {
      request.assign(nextId((id) => this.#pending.has(id)));
    } catch (error) {
      request.end(sendShortage(error));
      return;
    }
    const { id } = request;
    this.#pending.set(id, request);
    request.onSettled = (isGivenUp) => {
      this.#pending.delete(id);
      this.#outbox.withdraw(request);
      if (isGivenUp && request.progress === 'sent') this.#outbox.push(notice(frameOf(RequestFrame.Cancel, id)));
    };
    this.#outbox.push(request);
  }

  /** Ends all requests with that error, and frees the channel. Resolves when that is done. */
  async close(error: NetworkError): Promise<void> {
    if (this.#end !== undefined) return;
    const sent = [...this.#pending].filter(([, { progress }]) => progress === 'sent').map(([id]) => id);
    // Before the handlers learn it: from now on they can send no request.
    this.#end = error;
    const unanswered = this.#answering.end(error);
    this.#settle(error);
    const closed = this.#hasOpened ? await this.#channel.close() : undefined;
    if (closed === undefined || (!closed.ok && closed.error.code === 'NotSupported')) {
      // The channel stays open without these requests, so the peer learns which replies it need not send.
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
    // Invalid messages, and replies for which no request waits, have no effect.
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

  /** The connection or the channel has ended: no further message can go to the peer. */
  #finish(error: NetworkError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#answering.end(error);
    this.#outbox.close();
    this.#settle(error);
  }

  #settle(error: NetworkError): void {
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

/** Makes a message without a callback. */
function notice(frame: Uint8Array): Outgoing {
  return { frames: [frame], onSent: ignore, onFailed: ignore };
}

function ignore(): void {
  // The peer either gets it, or has ended.
}
