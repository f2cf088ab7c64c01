import { Duplex, type DuplexOptions } from 'node:stream';
import { IdleTimer } from './idle-timer.js';
import type { RemoteAddress } from './remote-address.js';
import type { StreamConnection } from './stream-connection.js';

/** The state of a stream that its socket members show. The stream changes it. */
export class SocketState {
  /** `pending` before the stream connects, `connecting` until its channel is open. */
  phase: 'pending' | 'connecting' | 'open' = 'pending';
  /** The peer's address while the stream is open. */
  remote: RemoteAddress | undefined;
  /** Runs when no byte has moved for the time of the timer. */
  onIdle: () => void = () => undefined;
  readonly idle = new IdleTimer(() => {
    this.onIdle();
  });
}

/**
 * A `Duplex` with the members of `net.Socket` that libraries for sockets use, apart from those that move bytes: the state,
 * the addresses, the timeout, and settings without an effect here.
 */
export abstract class SocketLikeDuplex extends Duplex {
  readonly #connection: Pick<StreamConnection, 'ref' | 'unref'>;
  readonly #state: SocketState;

  /** @param state the same object that the derived class changes */
  protected constructor(
    options: DuplexOptions,
    connection: Pick<StreamConnection, 'ref' | 'unref'>,
    state: SocketState,
  ) {
    super(options);
    this.#connection = connection;
    this.#state = state;
    state.onIdle = () => this.emit('timeout');
  }

  /** The same as in `net.Socket`: whether the stream is connecting, and which directions are open. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    const { readable, writable } = this;
    if (readable && writable) return 'open';
    if (readable) return 'readOnly';
    return writable ? 'writeOnly' : 'closed';
  }

  /** Whether the stream is connecting, or is opening its channel. */
  get connecting(): boolean {
    return this.#state.phase === 'connecting' && !this.destroyed;
  }

  /** Whether the stream is not connected yet. */
  get pending(): boolean {
    return this.#state.phase !== 'open';
  }

  /** The time that `setTimeout` set, in milliseconds. Undefined if there is none. */
  get timeout(): number | undefined {
    return this.#state.idle.milliseconds || undefined;
  }

  /** The peer's IP address. Undefined while the stream is not open, and over shared memory. */
  get remoteAddress(): string | undefined {
    return this.#state.remote?.host;
  }

  /** The peer's port. Undefined if `remoteAddress` is. */
  get remotePort(): number | undefined {
    return this.#state.remote?.port;
  }

  /** `IPv4` or `IPv6`. Undefined if `remoteAddress` is. */
  get remoteFamily(): string | undefined {
    return this.#state.remote?.family;
  }

  /** Returns an empty object: a stream has no local address. */
  address(): Record<string, never> {
    return {};
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
   * never. Has no effect on a destroyed stream.
   */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.#state.idle.set(milliseconds);
    if (callback !== undefined) {
      if (milliseconds > 0) this.once('timeout', callback);
      else this.off('timeout', callback);
    }
    return this;
  }

  /** Ends the stream, and destroys it after all written data was sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }
}
