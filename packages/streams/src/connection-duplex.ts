import type {
  Channel,
  ConnectionState,
  ConsumerLease,
  ConsumerOptions,
  MessageConsumer,
  NetworkError,
} from '@entropynet/core';
import { checkedOptions, type ConnectionDuplexOptions } from './duplex-options.js';
import { IncomingBytes } from './incoming-bytes.js';
import { OutgoingBytes } from './outgoing-bytes.js';
import type { Chunk } from './pieces.js';
import { remoteAddressOf } from './remote-address.js';
import { SocketLikeDuplex, SocketState } from './socket-like-duplex.js';
import type { StreamConnection } from './stream-connection.js';
import { StreamEnd } from './stream-end.js';
import { callOut, destroyedError, endedEarly, StreamError, type StreamSyscall, throwUncaught } from './stream-error.js';
import { WriteBurst } from './write-burst.js';

const LEASE: ConsumerOptions = { name: 'a stream', isPaused: true };

/**
 * A stream of bytes over a connection; the other side has a stream on the same channel. It behaves like a `net.Socket`,
 * so protocols for sockets run unchanged. It is the consumer of the channel until it closes. The stream copies written
 * bytes when it sends them. The reader owns the bytes that it reads. A slow reader holds the peer's writer back,
 * without a time limit. Errors are `StreamError`s. A stream belongs to one connection: when a handle reconnects, the
 * stream has ended.
 */
export class ConnectionDuplex extends SocketLikeDuplex {
  readonly #connection: StreamConnection;
  readonly #channel: Channel;
  #lease: ConsumerLease;
  readonly #incoming: IncomingBytes;
  readonly #outgoing: OutgoingBytes;
  readonly #burst = new WriteBurst();
  readonly #socket: SocketState;
  readonly #end: StreamEnd;
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
  /** The function to call when the stream is open. Undefined if nothing waits for it. */
  #onOpen: (() => void) | undefined;
  #bytesRead = 0;
  /** Whether Node.js has called `_read` since the last chunk. */
  #isWanted = false;

  /** Only `toDuplex` and `connectDuplex` call it. */
  constructor(connection: StreamConnection, options: ConnectionDuplexOptions = {}) {
    const {
      channel,
      highWaterMark,
      allowHalfOpen = false,
      ownsConnection = false,
    } = checkedOptions(connection, options);
    const socket = new SocketState();
    super({ allowHalfOpen, ...(highWaterMark !== undefined && { highWaterMark }) }, connection, socket);
    this.#socket = socket;
    this.#connection = connection;
    this.#channel = channel === undefined ? connection.defaultChannel : connection.channel(channel);
    this.#end = new StreamEnd({
      connection,
      channel: this.#channel,
      endsConnection: options.endsConnection ?? channel === undefined,
      ownsConnection,
    });
    this.#outgoing = new OutgoingBytes(this.#channel, () => this.#end.reason);
    this.#incoming = new IncomingBytes({
      onBytes: (chunk) => {
        this.#onBytes(chunk);
      },
      onEnd: () => {
        this.#end.hasSeenEnd = true;
        callOut(() => this.push(null));
        if (this.#end.hasSentEnd) this.#lease.release();
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

  /** The number of received bytes. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** The number of written bytes, with those that still wait in the stream. */
  get bytesWritten(): number {
    return this.#outgoing.bytesSent + this.writableLength;
  }

  /**
   * Connects the connection if it is not connected yet. It ignores a port and a host, because the connection has its
   * own endpoint. If the last argument is a function, the stream calls it when it is connected.
   */
  connect(...parameters: readonly unknown[]): this {
    const listener = parameters.at(-1);
    if (typeof listener === 'function') this.once('connect', listener as () => void);
    if (this.#socket.phase !== 'pending' || this.destroyed) return this;
    this.#socket.phase = 'connecting';
    void this.#connection.connect({ signal: this.#connecting.signal }).then((connected) => {
      if (this.destroyed) return;
      if (connected.ok) void this.#open(true);
      else this.#fail(connected.error, 'connect');
    });
    return this;
  }

  /** Destroys the stream, as in `net.Socket`. Without an error, it first sends written data as far as there is room. */
  override destroy(error?: Error): this {
    if (error === undefined) this.#burst.release();
    return super.destroy(error);
  }

  /** Destroys the stream without an error on this side; the other side gets `ECONNRESET`. */
  resetAndDestroy(): this {
    this.#end.isReset = true;
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
        const isSent = error === undefined || this.#end.hasSeenEnd;
        this.#end.hasSentEnd = isSent;
        if (this.#end.hasSeenEnd) this.#lease.release();
        callOut(() => callback(isSent ? undefined : this.#writeError(error)));
      });
    });
  }

  /** Sends the end or the error to the peer, and then frees the channel and the connection. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#socket.idle.stop();
    this.#socket.remote = undefined;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    // A named channel is closed later. Until then its lease drops messages, so that the peer's sends do not wait.
    if (this.#channel.name === undefined) this.#lease.release();
    else this.#lease.resume();
    this.#outgoing.abort();
    const waiting = this.#onOpen;
    this.#onOpen = undefined;
    waiting?.();
    if (this.#socket.phase !== 'open') this.#connecting.abort();
    // The channel may be open although the stream has not learned of it yet.
    const hasPeer = this.#socket.phase === 'open' || (this.#channel.name !== undefined && this.#channel.isOpen);
    const leaving = this.#end.leave(this.#outgoing, hasPeer, error).then(() => {
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
      this.#socket.phase = 'connecting';
      const opened = await this.#channel.open({ signal: this.#connecting.signal });
      if (this.destroyed) return;
      if (!opened.ok) {
        this.#fail(opened.error, 'connect');
        return;
      }
    }
    if (isLate && !this.#takeAnew()) return;
    this.#socket.phase = 'open';
    this.#socket.remote = remoteAddressOf(this.#connection.peer.address);
    const waiting = this.#onOpen;
    this.#onOpen = undefined;
    waiting?.();
    // Read at once, as a socket does, so that the stream notices the end of the peer.
    this.read(0);
    // The callback of a write that waited may have destroyed the stream.
    if (!isLate || this.destroyed) return;
    callOut(() => {
      this.emit('connect');
      this.emit('ready');
    });
  }

  /** Opens a stream on an ended connection: the program reads the messages that arrived, then the stream ends. */
  #openEnded(): void {
    this.#socket.phase = 'open';
    this.#end.connectionEnded(endedEarly());
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

  #write(chunks: readonly Chunk[], callback: (error?: Error) => void): void {
    this.#whenOpen(callback, () => {
      this.#outgoing.write(chunks, (error) => {
        this.#socket.idle.refresh();
        if (error === undefined) this.#burst.taken(callback);
        else callOut(() => callback(this.#writeError(error)));
      });
    });
  }

  /** Runs `work` now, or when the stream is open. If it never opens, `callback` gets the error. */
  #whenOpen(callback: (error?: Error) => void, work: () => void): void {
    if (this.#socket.phase === 'open') {
      work();
      return;
    }
    this.#onOpen = () => {
      if (this.destroyed) callOut(() => callback(destroyedError()));
      else work();
    };
  }

  #onBytes(chunk: Buffer): void {
    // The lease flows after the end, so that the peer gets its window back. A pause would stop that.
    if (this.destroyed) return;
    this.#bytesRead += chunk.length;
    this.#socket.idle.refresh();
    this.#isWanted = false;
    try {
      // A reader may ask for more inside push(), and asks only once, so it must not be paused then.
      if (!this.push(chunk) && !this.#isWanted) this.#lease.pause();
    } catch (error) {
      // An exception of a listener belongs to the process, as in each stream, and not to the connection's callback.
      throwUncaught(error);
    }
  }

  /** The connection or the channel has ended, and the stream has taken every message that had arrived. */
  #onEnded(error: NetworkError | undefined): void {
    // Before the stream is open, connect() or the opening of the channel returns the error.
    if (this.#socket.phase !== 'open') return;
    this.#end.reason ??= error ?? endedEarly();
    this.#incoming.flush();
    this.#outgoing.resume();
    if (!this.#end.hasSeenEnd) this.#fail(this.#end.reason, 'read');
  }

  readonly #onState = (state: ConnectionState, error?: NetworkError): void => {
    if (state === 'connected' && this.#socket.phase === 'pending') void this.#open(true);
    if ((state !== 'disconnected' && state !== 'failed') || this.#socket.phase !== 'open') return;
    this.#end.connectionEnded(error ?? endedEarly());
    // A waiting write gets the error.
    this.#outgoing.resume();
  };

  #writeError(error: NetworkError): Error {
    return this.destroyed ? destroyedError() : new StreamError(this.#end.reason ?? error, 'write');
  }

  #fail(error: NetworkError, syscall: StreamSyscall): void {
    this.destroy(new StreamError(error, syscall));
  }
}
