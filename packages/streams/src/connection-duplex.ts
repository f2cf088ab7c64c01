import { Duplex } from 'node:stream';
import timers from 'node:timers';
import { NetworkError, OK, type Result } from '@entropynet/core';
import { END, errorOf, ESCAPE, resetFor } from './control-message.js';
import type { StreamConnection } from './stream-connection.js';

// Those of this moment: a test framework's fakes change nothing.
const { setTimeout, clearTimeout } = timers;

/** Options of `toDuplex`. */
export interface ConnectionDuplexOptions {
  /** A named channel, which is opened: each channel carries a stream of its own. @default the default channel */
  readonly channel?: string | undefined;
  /** How many bytes each direction buffers, as for every Node.js stream. @default Node's own */
  readonly highWaterMark?: number | undefined;
  /** Whether writing goes on when the peer has ended its direction, as for every Duplex. @default true */
  readonly allowHalfOpen?: boolean | undefined;
  /** Whether the connection ends with the stream. @default true for the default channel, false for a named one */
  readonly endsConnection?: boolean | undefined;
}

/** Longer chunks are cut: a piece is written into the transport while the peer reads the one before. */
const MOST_PIECE_BYTES = 65_536;

/**
 * A stream of bytes over a connection that is connected, with a `toDuplex` of the same channel on the other side. Takes
 * the channel's messages while it lives. What is written is copied when the transport takes it, what is read belongs to
 * the reader. A slow reader holds the peer's writer back, without a time limit. Errors are `NetworkError`s: of the connection
 * where it failed, `Aborted` where the peer gave the stream up, `ConnectionClosed` where the connection ended before it.
 */
export function toDuplex(connection: StreamConnection, options: ConnectionDuplexOptions = {}): ConnectionDuplex {
  return new ConnectionDuplex(connection, options);
}

/** What `toDuplex` returns: a Duplex with the methods of a socket that Node's own protocols call. */
export class ConnectionDuplex extends Duplex {
  readonly #connection: StreamConnection;
  readonly #channel: string | undefined;
  readonly #endsConnection: boolean;
  readonly #messages: AsyncIterableIterator<Uint8Array, undefined>;
  #pieceBytes = MOST_PIECE_BYTES;
  #isReading = false;
  #hasSentEnd = false;
  /** The escape of a control message was sent, which itself waits for room. */
  #isEscaped = false;
  #hasSeenEnd = false;
  /** Called when a refused write may be tried again. */
  #onWritable: (() => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(connection: StreamConnection, options: ConnectionDuplexOptions = {}) {
    const { channel, highWaterMark, allowHalfOpen = true, endsConnection = channel === undefined } = options;
    super({ allowHalfOpen, ...(highWaterMark !== undefined && { highWaterMark }) });
    this.#connection = connection;
    this.#channel = channel;
    this.#endsConnection = endsConnection;
    this.#messages = connection.messages(channel === undefined ? {} : { channel });
    connection.on('drain', this.#onDrain);
    connection.on('state', this.#onState);
  }

  /** Keeps the process alive by the connection (the default); all streams of a connection share it. */
  ref(): this {
    this.#connection.ref();
    return this;
  }

  /** Does not keep the process alive by the connection. */
  unref(): this {
    this.#connection.unref();
    return this;
  }

  /** Without effect: a connection sees the death of its peer by itself. For protocols that expect a socket. */
  setKeepAlive(): this {
    return this;
  }

  /** Without effect: nothing is held back to be sent together. For protocols that expect a socket. */
  setNoDelay(): this {
    return this;
  }

  /** As of `net.Socket`: emits `timeout` after so many milliseconds without a byte in either direction; 0: never. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    if (callback !== undefined) {
      if (milliseconds > 0) this.once('timeout', callback);
      else this.off('timeout', callback);
    }
    if (milliseconds > 0) {
      this.#idleTimer = setTimeout(() => this.emit('timeout'), milliseconds);
      this.#idleTimer.unref();
    }
    return this;
  }

  /** Opens the channel. Called by Node.js, as are the next four. */
  override _construct(callback: (error?: Error) => void): void {
    if (this.#channel === undefined) {
      callback();
      return;
    }
    void this.#connection.openChannel(this.#channel).then((opened) => {
      callback(opened.ok ? undefined : opened.error);
    });
  }

  /** Takes the next message. */
  override _read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#readOn();
  }

  /** Sends a chunk, when there is room. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    this.#writePieces(chunk, 0, callback);
  }

  /** Tells the peer that nothing follows in this direction. */
  override _final(callback: (error?: Error) => void): void {
    this.#writeEnd((error) => {
      this.#hasSentEnd = error === undefined;
      // Nothing is left to be told to this side.
      if (this.#hasSeenEnd) void this.#messages.return?.();
      callback(error);
    });
  }

  /** Gives the stream up and tells the peer why. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#idleTimer);
    this.#connection.off('drain', this.#onDrain);
    this.#connection.off('state', this.#onState);
    void this.#messages.return?.();
    const isWhole = error === null && this.#hasSentEnd && this.#hasSeenEnd;
    if (!isWhole) void this.#sendReset(error);
    if (this.#endsConnection) void this.#connection.disconnect();
    callback(error);
  }

  async #readOn(): Promise<void> {
    try {
      for (;;) {
        const next = await this.#messages.next();
        if (this.destroyed) return;
        if (next.done === true) {
          if (!(this.#hasSeenEnd && this.#hasSentEnd)) throw endedEarly();
          return;
        }
        this.#idleTimer?.refresh();
        if (next.value.length === 0) await this.#readControl();
        else if (this.#hasSeenEnd) throw new NetworkError('InvalidMessage', 'the peer sent bytes after its end');
        else if (!this.push(next.value)) break;
        if (this.#hasSeenEnd && this.#hasSentEnd) break;
      }
      this.#isReading = false;
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  async #readControl(): Promise<void> {
    const { done, value } = await this.#messages.next();
    if (this.destroyed) return;
    if (done === true) throw endedEarly();
    const error = errorOf(value);
    if (error !== undefined) throw error;
    // Reading goes on, for the reset of a peer that gives up what this side still writes.
    this.#hasSeenEnd = true;
    this.push(null);
  }

  #writePieces(chunk: Uint8Array, from: number, callback: (error?: Error) => void): void {
    let at = from;
    while (at < chunk.length) {
      const sent = this.#trySend(chunk.subarray(at, at + this.#pieceBytes));
      if (sent.ok) at += this.#pieceBytes;
      else if (sent.error.code === 'MessageTooLarge' && this.#pieceBytes > 1) this.#pieceBytes >>>= 1;
      else {
        const resumeAt = at;
        this.#waitOrFail(sent.error, callback, () => {
          this.#writePieces(chunk, resumeAt, callback);
        });
        return;
      }
    }
    this.#idleTimer?.refresh();
    callback();
  }

  #writeEnd(callback: (error?: Error) => void): void {
    const escaped = this.#isEscaped ? OK : this.#trySend(ESCAPE);
    this.#isEscaped = escaped.ok;
    const sent = escaped.ok ? this.#trySend(END) : escaped;
    if (sent.ok) {
      this.#isEscaped = false;
      callback();
    } else {
      this.#waitOrFail(sent.error, callback, () => {
        this.#writeEnd(callback);
      });
    }
  }

  /** Behind what was written, however long the peer reads nothing. The end of the connection would tell it as well. */
  async #sendReset(error: Error | null): Promise<void> {
    const reset = resetFor(error);
    for (const message of this.#isEscaped ? [reset] : [ESCAPE, reset]) {
      let sent = await this.#send(message);
      // What timed out was not sent: the peer has read nothing for the connection's `sendTimeoutMs`.
      while (!sent.ok && sent.error.code === 'Timeout') sent = await this.#send(message);
      if (!sent.ok) return;
    }
  }

  #waitOrFail(error: NetworkError, fail: (error: Error) => void, resume: () => void): void {
    if (error.code === 'WouldBlock') this.#onWritable = resume;
    else fail(error);
  }

  #trySend(message: Uint8Array): Result {
    return this.#channel === undefined
      ? this.#connection.trySend(message)
      : this.#connection.trySendOnChannel(this.#channel, message);
  }

  #send(message: Uint8Array): Promise<Result> {
    return this.#channel === undefined
      ? this.#connection.send(message)
      : this.#connection.sendOnChannel(this.#channel, message);
  }

  #resume(): void {
    const resume = this.#onWritable;
    this.#onWritable = undefined;
    resume?.();
  }

  readonly #onDrain = (channel: string | undefined): void => {
    if (channel === this.#channel) this.#resume();
  };

  /** A write that waits is tried again, and learns why nothing is taken any more. */
  readonly #onState = (state: string): void => {
    if (state !== 'connected') this.#resume();
  };
}

function endedEarly(): NetworkError {
  return new NetworkError('ConnectionClosed', 'the connection ended before the stream did');
}
