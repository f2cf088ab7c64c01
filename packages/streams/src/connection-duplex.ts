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
  /** A named channel, which the stream opens and closes: each carries a stream of its own. @default the default channel */
  readonly channel?: string | undefined;
  /** How many bytes each direction buffers, as for every Node.js stream. @default Node's own */
  readonly highWaterMark?: number | undefined;
  /** Whether writing goes on when the peer has ended its direction, as for a socket. @default false */
  readonly allowHalfOpen?: boolean | undefined;
  /** Whether the connection disconnects when the stream closes. @default true for the default channel, false for a named one */
  readonly endsConnection?: boolean | undefined;
  /**
   * Whether the connection is the stream's alone: it is given up for good when the stream closes. A handle is closed,
   * which gives its place in the manager back.
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

/** Before the stream is made: afterwards nobody would end it. */
function checked(connection: StreamConnection, options: ConnectionDuplexOptions): ConnectionDuplexOptions {
  checkConnection('a stream', connection);
  checkStreamOptions(options);
  return options;
}

/** Throws a `NetworkError` for what is no object of options of a stream. */
export function checkStreamOptions(options: ConnectionDuplexOptions): void {
  checkOptions('a stream', options, OPTIONS);
}

type Phase = 'pending' | 'connecting' | 'open';

/**
 * A stream of bytes over a connection, with the other side's stream on the same channel. It behaves as `net.Socket` does,
 * so that protocols written for sockets run unchanged. It takes the channel's messages while it lives. What is written is copied when
 * the transport takes it; the reader owns what it reads. A slow reader holds the peer's writer back, without a time
 * limit. Errors are `StreamError`s. It belongs to one connection: where a handle connects again, the stream has ended.
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
  /** Gives back what the stream listens to. */
  readonly #unsubscribe: readonly (() => void)[];
  readonly #consumer: MessageConsumer = {
    onMessage: (data) => {
      // What arrives for a stream that is destroyed is dropped: parked, it would wait for a reader that never comes.
      if (!this.destroyed) this.#incoming.take(data);
    },
    onEnd: (reason) => {
      this.#onEnded(reason.error);
    },
  };
  #phase: Phase = 'pending';
  /** Called when the stream is open; undefined while nothing waits for that. */
  #onOpen: (() => void) | undefined;
  #hasSentEnd = false;
  #hasSeenEnd = false;
  #isReset = false;
  /** Why the connection that the stream belongs to carries nothing any more. */
  #ended: NetworkError | undefined;
  /** Whether that is because the connection itself has ended. */
  #isConnectionOver = false;
  /** Known while the stream is open. */
  #remote: RemoteAddress | undefined;
  #bytesRead = 0;
  /** Node.js asked for more since the last chunk. */
  #isWanted = false;

  /** Made by `toDuplex` and `connectDuplex`. */
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

  /** As of `net.Socket`: whether the stream is being connected, and which directions are open. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.#phase === 'connecting') return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Whether `connect()` was called, or a channel is being opened, and that goes on. */
  get connecting(): boolean {
    return this.#phase === 'connecting';
  }

  /** Whether the stream is not connected yet. */
  get pending(): boolean {
    return this.#phase !== 'open';
  }

  /** How many bytes were received. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** How many bytes were written, those that still wait in the stream included. */
  get bytesWritten(): number {
    return this.#outgoing.bytesSent + this.writableLength;
  }

  /** The time that `setTimeout` set, in milliseconds; undefined: none. */
  get timeout(): number | undefined {
    return this.#idle.milliseconds === 0 ? undefined : this.#idle.milliseconds;
  }

  /** The peer's IP address, as of `net.Socket`; undefined where the stream is not open, and over shared memory. */
  get remoteAddress(): string | undefined {
    return this.#remote?.host;
  }

  /** The peer's port; undefined where `remoteAddress` is. */
  get remotePort(): number | undefined {
    return this.#remote?.port;
  }

  /** `IPv4` or `IPv6`; undefined where `remoteAddress` is. */
  get remoteFamily(): string | undefined {
    return this.#remote?.family;
  }

  /** An address as of a socket; empty, because the connection knows where it goes. */
  address(): Record<string, never> {
    return {};
  }

  /**
   * Connects the connection, where it is not connected yet. A port and a host, which protocols for sockets name, are
   * ignored: the connection knows its endpoint. The last argument, where it is a function, is called when it is connected.
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

  /** Without effect: the transport takes each write at once. For protocols that expect a socket. */
  setNoDelay(): this {
    return this;
  }

  /** As of `net.Socket`: emits `timeout` after so many milliseconds without a byte in either direction; 0: never. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    this.#idle.set(milliseconds);
    if (callback !== undefined) {
      if (milliseconds > 0) this.once('timeout', callback);
      else this.off('timeout', callback);
    }
    return this;
  }

  /** As of `net.Socket`: without an error what was written goes first, as far as there is room. */
  override destroy(error?: Error): this {
    if (error === undefined) this.#burst.release();
    return super.destroy(error);
  }

  /** Ends the stream, and destroys it when everything was written. */
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

  /** Takes messages. Called by Node.js, as are the next four. */
  override _read(): void {
    this.#isWanted = true;
    this.#lease.resume();
  }

  /** Sends a chunk, when there is room. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    this.#write([{ chunk }], callback);
  }

  /** Sends the chunks that waited, short ones together. */
  override _writev(chunks: readonly Chunk[], callback: (error?: Error) => void): void {
    this.#write(chunks, callback);
  }

  /** Tells the peer that nothing follows in this direction. */
  override _final(callback: (error?: Error) => void): void {
    this.#whenOpen(callback, () => {
      this.#outgoing.end((error) => {
        // A peer that has ended its direction and is gone misses nothing.
        const isSent = error === undefined || this.#hasSeenEnd;
        this.#hasSentEnd = isSent;
        if (this.#hasSeenEnd) this.#lease.release();
        callback(isSent ? undefined : this.#writeError(error));
      });
    });
  }

  /** Tells the peer how the stream ended, then gives channel and connection back. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#idle.stop();
    this.#remote = undefined;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    // A named channel is closed: until then the peer gets its window back for what nobody reads any more.
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
    // As a socket, which reads before somebody asks: so the end of the peer is noticed.
    this.read(0);
    if (!isLate) return;
    this.emit('connect');
    this.emit('ready');
  }

  /** An accepted connection that has ended can't be connected again: what arrived is read, and then the stream ends. */
  #openEnded(): void {
    this.#phase = 'open';
    this.#endWith(endedEarly());
  }

  /** A lease that was taken before the connection stood may be on the connection before. False where that failed. */
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

  /** Runs `work` now, or when the stream is open; `callback` gets the error where it never opens. */
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
    // A reader that asks for more from inside push() asks only once: it must not be paused afterwards.
    if (!this.push(chunk) && !this.#isWanted) this.#lease.pause();
  }

  /** The connection or the channel has ended, and everything that had arrived was taken. */
  #onEnded(error: NetworkError | undefined): void {
    // Before the stream is open, connect() or the opening of the channel says what went wrong.
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
    // A write that waits learns why nothing is taken any more.
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
    // Where the stream's own connection has ended, a later one is not the stream's to end.
    else if (this.#endsConnection && !this.#isConnectionOver) await this.#connection.disconnect();
  }

  /** Without an error a stream that is destroyed has ended, as a socket: what was written arrives, then the end. */
  async #sayHow(error: Error | null, isNamed: boolean): Promise<void> {
    const isPatient = isNamed && !this.#endsConnection && !this.#ownsConnection;
    if (error !== null || this.#isReset) await this.#outgoing.sendControl(resetFor(error), isPatient);
    else if (!this.#hasSentEnd) await this.#outgoing.sendControl(END, isPatient);
    if (!isNamed) return;
    const closed = await this.#channel.close();
    // A peer that can't close channels has to learn that nobody reads any more.
    if (!closed.ok && closed.error.code === 'NotSupported' && !this.#hasSeenEnd) {
      await this.#outgoing.sendControl(resetFor(error), isPatient);
    }
  }
}
