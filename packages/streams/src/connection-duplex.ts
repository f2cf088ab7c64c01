import { Duplex } from 'node:stream';
import {
  type Channel,
  checkConnection,
  checkOptions,
  type ConnectionState,
  type ConsumerLease,
  type ConsumerOptions,
  type MessageConsumer,
  type NetworkError,
} from '@entropynet/core';
import { END, resetFor } from './control-message.js';
import { IdleTimer } from './idle-timer.js';
import { IncomingBytes } from './incoming-bytes.js';
import { OutgoingBytes } from './outgoing-bytes.js';
import type { Chunk } from './pieces.js';
import { type RemoteAddress, remoteAddressOf } from './remote-address.js';
import type { StreamConnection } from './stream-connection.js';
import { destroyedError, endedEarly, StreamError, type StreamSyscall } from './stream-error.js';
import { WriteBurst } from './write-burst.js';

/** Options of `toDuplex` and `connectDuplex`. */
export interface ConnectionDuplexOptions {
  /**
   * A named channel, which the stream opens and closes. Each channel carries one stream.
   * @default the default channel
   */
  readonly channel?: string | undefined;
  /** The number of bytes that each direction buffers, as in every Node.js stream. @default the default of Node.js */
  readonly highWaterMark?: number | undefined;
  /** Whether the stream can still write after the peer has ended its direction, as in a socket. @default false */
  readonly allowHalfOpen?: boolean | undefined;
  /**
   * Whether the connection disconnects when the stream closes.
   * @default true for the default channel, false for a named one
   */
  readonly endsConnection?: boolean | undefined;
  /**
   * Whether the stream owns the connection. When the stream closes, it disconnects the connection, or closes the
   * handle, which frees the slot in the manager.
   * @default false
   */
  readonly ownsConnection?: boolean | undefined;
}

const OPTIONS = {
  channel: 'anything',
  highWaterMark: 'a number',
  allowHalfOpen: 'true or false',
  endsConnection: 'true or false',
  ownsConnection: 'true or false',
} as const;

const LEASE: ConsumerOptions = { name: 'a stream', isPaused: true };

/** Checks the arguments before the stream is made, because after an error nobody would end the stream. */
function checked(connection: StreamConnection, options: ConnectionDuplexOptions): ConnectionDuplexOptions {
  checkConnection('a stream', connection);
  checkStreamOptions(options);
  return options;
}

/** Throws a `NetworkError` unless the value is an object of correct options. */
export function checkStreamOptions(options: ConnectionDuplexOptions): void {
  checkOptions('a stream', options, OPTIONS);
}

type Phase = 'pending' | 'connecting' | 'open';

/**
 * A stream of bytes over a connection; the other side has a stream on the same channel. It behaves like a `net.Socket`,
 * so protocols for sockets run unchanged. It is the consumer of the channel until it closes. The stream copies written
 * bytes when it sends them. The reader owns the bytes that it reads. A slow reader holds the peer's writer back,
 * without a time limit. Errors are `StreamError`s. A stream belongs to one connection: when a handle reconnects, the
 * stream has ended.
 */
export class ConnectionDuplex extends Duplex {
  readonly #connection: StreamConnection;
  readonly #channel: Channel;
  readonly #endsConnection: boolean;
  readonly #ownsConnection: boolean;
  #lease: ConsumerLease;
  readonly #incoming: IncomingBytes;
  readonly #outgoing: OutgoingBytes;
  readonly #burst = new WriteBurst();
  readonly #idle: IdleTimer;
  readonly #connecting = new AbortController();
  /** The functions that remove the stream's listeners. */
  readonly #unsubscribe: readonly (() => void)[];
  readonly #consumer: MessageConsumer = {
    onMessage: (data) => {
      // A destroyed stream drops messages that arrive: no reader would ever take them.
      if (!this.destroyed) this.#incoming.take(data);
    },
    onEnd: (reason) => {
      this.#onEnded(reason.error);
    },
  };
  #phase: Phase = 'pending';
  /** The function to call when the stream is open. Undefined if nothing waits for it. */
  #onOpen: (() => void) | undefined;
  #hasSentEnd = false;
  #hasSeenEnd = false;
  #isReset = false;
  /** The reason why the stream's connection or channel has ended. */
  #ended: NetworkError | undefined;
  /** Whether the connection itself has ended, and not only the channel. */
  #isConnectionOver = false;
  /** The peer's address while the stream is open. */
  #remote: RemoteAddress | undefined;
  #bytesRead = 0;
  /** Whether Node.js has called `_read` since the last chunk. */
  #isWanted = false;

  /** Only `toDuplex` and `connectDuplex` call it. */
  constructor(connection: StreamConnection, options: ConnectionDuplexOptions = {}) {
    const { channel, highWaterMark, allowHalfOpen = false, ownsConnection = false } = checked(connection, options);
    super({ allowHalfOpen, ...(highWaterMark !== undefined && { highWaterMark }) });
    this.#connection = connection;
    this.#channel = channel === undefined ? connection.defaultChannel : connection.channel(channel);
    this.#endsConnection = options.endsConnection ?? channel === undefined;
    this.#ownsConnection = ownsConnection;
    this.#idle = new IdleTimer(() => this.emit('timeout'));
    this.#outgoing = new OutgoingBytes(this.#channel, () => this.#ended);
    this.#incoming = new IncomingBytes({
      onBytes: (chunk) => {
        this.#onBytes(chunk);
      },
      onEnd: () => {
        this.#hasSeenEnd = true;
        this.push(null);
        if (this.#hasSentEnd) this.#lease.release();
      },
      onFailed: (error) => {
        this.#fail(error, 'read');
      },
    });
    this.#lease = this.#channel.take(this.#consumer, LEASE);
    this.#unsubscribe = [
      this.#channel.subscribe('drain', () => {
        this.#outgoing.resume();
      }),
      connection.subscribe('state', this.#onState),
    ];
    if (connection.isConnected()) void this.#open(channel !== undefined);
    else if (connection.wasAccepted) this.#openEnded();
  }

  /** The same as in `net.Socket`: whether the stream is connecting, and which directions are open. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.#phase === 'connecting') return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Whether the stream is connecting, or is opening its channel. */
  get connecting(): boolean {
    return this.#phase === 'connecting';
  }

  /** Whether the stream is not connected yet. */
  get pending(): boolean {
    return this.#phase !== 'open';
  }

  /** The number of received bytes. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** The number of written bytes, with those that still wait in the stream. */
  get bytesWritten(): number {
    return this.#outgoing.bytesSent + this.writableLength;
  }

  /** The time that `setTimeout` set, in milliseconds. Undefined if there is none. */
  get timeout(): number | undefined {
    return this.#idle.milliseconds === 0 ? undefined : this.#idle.milliseconds;
  }

  /** The peer's IP address. Undefined while the stream is not open, and over shared memory. */
  get remoteAddress(): string | undefined {
    return this.#remote?.host;
  }

  /** The peer's port. Undefined if `remoteAddress` is. */
  get remotePort(): number | undefined {
    return this.#remote?.port;
  }

  /** `IPv4` or `IPv6`. Undefined if `remoteAddress` is. */
  get remoteFamily(): string | undefined {
    return this.#remote?.family;
  }

  /** Returns an empty object: a stream has no local address. */
  address(): Record<string, never> {
    return {};
  }

  /**
   * Connects the connection if it is not connected yet. It ignores a port and a host, because the connection has its
   * own endpoint. If the last argument is a function, the stream calls it when it is connected.
   */
  connect(...parameters: readonly unknown[]): this {
    const listener = parameters.at(-1);
    if (typeof listener === 'function') this.once('connect', listener as () => void);
    if (this.#phase !== 'pending' || this.destroyed) return this;
    this.#phase = 'connecting';
    void this.#connection.connect({ signal: this.#connecting.signal }).then((connected) => {
      if (this.destroyed) return;
      if (connected.ok) void this.#open(true);
      else this.#fail(connected.error, 'connect');
    });
    return this;
  }

  /** Makes the connection keep the process alive (the default). All streams of a connection share this setting. */
  ref(): this {
    this.#connection.ref();
    return this;
  }

  /** Lets the process end although the connection is open and idle. */
  unref(): this {
    this.#connection.unref();
    return this;
  }

  /** Has no effect: a connection detects the death of its peer by itself. For libraries that expect a socket. */
  setKeepAlive(): this {
    return this;
  }

  /** Has no effect: the transport sends each write at once. For libraries that expect a socket. */
  setNoDelay(): this {
    return this;
  }

  /**
   * Emits `timeout` after that many milliseconds without a byte in either direction, as a `net.Socket` does. 0 means
   * never.
   */
  setTimeout(milliseconds: number, callback?: () => void): this {
    this.#idle.set(milliseconds);
    if (callback !== undefined) {
      if (milliseconds > 0) this.once('timeout', callback);
      else this.off('timeout', callback);
    }
    return this;
  }

  /** Destroys the stream, as in `net.Socket`. Without an error, it first sends written data as far as there is room. */
  override destroy(error?: Error): this {
    if (error === undefined) this.#burst.release();
    return super.destroy(error);
  }

  /** Ends the stream, and destroys it after all written data was sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** Destroys the stream without an error on this side; the other side gets `ECONNRESET`. */
  resetAndDestroy(): this {
    this.#isReset = true;
    return this.destroy();
  }

  /** Continues receiving. Node.js calls this method and the next four. */
  override _read(): void {
    this.#isWanted = true;
    this.#lease.resume();
  }

  /** Sends a chunk when there is room. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    this.#write([{ chunk }], callback);
  }

  /** Sends the chunks that waited, short ones together. */
  override _writev(chunks: readonly Chunk[], callback: (error?: Error) => void): void {
    this.#write(chunks, callback);
  }

  /** Sends the end of this direction to the peer. */
  override _final(callback: (error?: Error) => void): void {
    this.#whenOpen(callback, () => {
      this.#outgoing.end((error) => {
        // If the peer has ended its direction and is gone, it does not need this message.
        const isSent = error === undefined || this.#hasSeenEnd;
        this.#hasSentEnd = isSent;
        if (this.#hasSeenEnd) this.#lease.release();
        callback(isSent ? undefined : this.#writeError(error));
      });
    });
  }

  /** Sends the end or the error to the peer, and then frees the channel and the connection. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#idle.stop();
    this.#remote = undefined;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    // A named channel is closed later. Until then its lease drops messages, so that the peer's sends do not wait.
    if (this.#channel.name === undefined) this.#lease.release();
    else this.#lease.resume();
    this.#outgoing.abort();
    const waiting = this.#onOpen;
    this.#onOpen = undefined;
    waiting?.();
    const leaving = this.#leave(error).then(() => {
      this.#lease.release();
    });
    // A named channel can carry the next stream once this one says `close`. An error is told at once.
    if (error === null && this.#channel.name !== undefined) void leaving.then(() => callback(null));
    else callback(error);
  }

  /** @param isLate whether the program has had the stream before it was open, and waits for `connect` */
  async #open(isLate: boolean): Promise<void> {
    this.#connection.startReceiving();
    if (this.#channel.name !== undefined) {
      this.#phase = 'connecting';
      const opened = await this.#channel.open({ signal: this.#connecting.signal });
      if (this.destroyed) return;
      if (!opened.ok) {
        this.#fail(opened.error, 'connect');
        return;
      }
    }
    if (isLate && !this.#takeAnew()) return;
    this.#phase = 'open';
    this.#remote = remoteAddressOf(this.#connection.peer.address);
    const waiting = this.#onOpen;
    this.#onOpen = undefined;
    waiting?.();
    // Read at once, as a socket does, so that the stream notices the end of the peer.
    this.read(0);
    if (!isLate) return;
    this.emit('connect');
    this.emit('ready');
  }

  /** Opens a stream on an ended connection: the program reads the messages that arrived, then the stream ends. */
  #openEnded(): void {
    this.#phase = 'open';
    this.#endWith(endedEarly());
  }

  /** Takes a new lease, because the old one may belong to the previous connection. Returns false if that failed. */
  #takeAnew(): boolean {
    this.#lease.release();
    try {
      this.#lease = this.#channel.take(this.#consumer, { ...LEASE, isPaused: !this.#isWanted });
      return true;
    } catch (error) {
      this.#fail(error as NetworkError, 'connect');
      return false;
    }
  }

  #endWith(error: NetworkError): void {
    this.#isConnectionOver = true;
    this.#ended ??= error;
  }

  #write(chunks: readonly Chunk[], callback: (error?: Error) => void): void {
    this.#whenOpen(callback, () => {
      this.#outgoing.write(chunks, (error) => {
        this.#idle.refresh();
        if (error === undefined) this.#burst.taken(callback);
        else callback(this.#writeError(error));
      });
    });
  }

  /** Runs `work` now, or when the stream is open. If it never opens, `callback` gets the error. */
  #whenOpen(callback: (error?: Error) => void, work: () => void): void {
    if (this.#phase === 'open') {
      work();
      return;
    }
    this.#onOpen = () => {
      if (this.destroyed) callback(destroyedError());
      else work();
    };
  }

  #onBytes(chunk: Buffer): void {
    this.#bytesRead += chunk.length;
    this.#idle.refresh();
    this.#isWanted = false;
    // A reader may ask for more inside push(), and asks only once, so it must not be paused then.
    if (!this.push(chunk) && !this.#isWanted) this.#lease.pause();
  }

  /** The connection or the channel has ended, and the stream has taken every message that had arrived. */
  #onEnded(error: NetworkError | undefined): void {
    // Before the stream is open, connect() or the opening of the channel returns the error.
    if (this.#phase !== 'open') return;
    this.#ended ??= error ?? endedEarly();
    this.#incoming.flush();
    this.#outgoing.resume();
    if (!this.#hasSeenEnd) this.#fail(this.#ended, 'read');
  }

  readonly #onState = (state: ConnectionState, error?: NetworkError): void => {
    if (state === 'connected' && this.#phase === 'pending') void this.#open(true);
    if ((state !== 'disconnected' && state !== 'failed') || this.#phase !== 'open') return;
    this.#endWith(error ?? endedEarly());
    // A waiting write gets the error.
    this.#outgoing.resume();
  };

  #writeError(error: NetworkError): Error {
    return this.destroyed ? destroyedError() : new StreamError(this.#ended ?? error, 'write');
  }

  #fail(error: NetworkError, syscall: StreamSyscall): void {
    this.destroy(new StreamError(error, syscall));
  }

  async #leave(error: Error | null): Promise<void> {
    const isNamed = this.#channel.name !== undefined;
    if (this.#phase !== 'open') this.#connecting.abort();
    // The channel may be open although the stream has not learned of it yet.
    const hasPeer = this.#phase === 'open' || (isNamed && this.#channel.isOpen);
    if (hasPeer && this.#ended === undefined) await this.#sayHow(error, isNamed);
    if (this.#ownsConnection) await this.#connection[Symbol.asyncDispose]();
    // If the stream's own connection has ended, the stream must not end a later one.
    else if (this.#endsConnection && !this.#isConnectionOver) await this.#connection.disconnect();
  }

  /** Sends the error, or without one the end: a destroyed stream ends like a socket, after its written data. */
  async #sayHow(error: Error | null, isNamed: boolean): Promise<void> {
    const isPatient = isNamed && !this.#endsConnection && !this.#ownsConnection;
    if (error !== null || this.#isReset) await this.#outgoing.sendControl(resetFor(error), isPatient);
    else if (!this.#hasSentEnd) await this.#outgoing.sendControl(END, isPatient);
    if (!isNamed) return;
    const closed = await this.#channel.close();
    // If the peer can't close channels, tell it that nobody reads any more.
    if (!closed.ok && closed.error.code === 'NotSupported' && !this.#hasSeenEnd) {
      await this.#outgoing.sendControl(resetFor(error), isPatient);
    }
  }
}
