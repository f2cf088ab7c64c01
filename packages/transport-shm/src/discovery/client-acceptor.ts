import { WarningLimiter } from '@entropynet/core';
import type { LocalSocket } from '../native-binding.js';
import { clearTimeout, setTimeout } from '../platform-time.js';
import { describeSystemError } from '../system-failures.js';

/** The pause of a server that ran out of descriptors, in milliseconds. */
const ACCEPT_PAUSE_MS = 100;

/** The parts of a server that its acceptor needs. */
export interface AcceptorHooks {
  /** Returns the socket that clients come to; undefined while the server accepts no clients. */
  socket(): LocalSocket | undefined;
  /** Whether one more handshake may begin. */
  hasRoom(): boolean;
  /** Begins the handshake with a client. The server owns the socket from now on. */
  greet(client: LocalSocket): void;
}

/**
 * Accepts the clients that come to a server's socket. At the limit of handshakes, and during a shortage of descriptors or
 * memory, clients wait in the kernel.
 */
export class ClientAcceptor {
  readonly #name: string;
  readonly #hooks: AcceptorHooks;
  readonly #warnings = new WarningLimiter();
  #isReferenced = true;
  /** The socket that the acceptor watches for clients at the moment. */
  #watched: LocalSocket | undefined;
  /** Runs after a shortage of descriptors or memory, until the server accepts again. */
  #pause: NodeJS.Timeout | undefined;

  /** @param name the server's name in warnings, without secrets */
  constructor(name: string, hooks: AcceptorHooks) {
    this.#name = name;
    this.#hooks = hooks;
  }

  /** Makes the wait for clients keep the process alive (the default). */
  ref(): void {
    this.#isReferenced = true;
    this.#hooks.socket()?.ref();
    this.#pause?.ref();
  }

  /** Lets the process end during the wait for clients. */
  unref(): void {
    this.#isReferenced = false;
    this.#hooks.socket()?.unref();
    this.#pause?.unref();
  }

  /** Watches for clients, unless it does already, or waits for a handshake to end or a shortage to pass. */
  watch(): void {
    const socket = this.#hooks.socket();
    if (socket === undefined || this.#watched !== undefined || this.#pause !== undefined || !this.#hooks.hasRoom())
      return;
    try {
      socket.watch(() => {
        this.#acceptClients(socket);
      });
    } catch (error) {
      this.pause(error);
      return;
    }
    this.#watched = socket;
    if (!this.#isReferenced) socket.unref();
  }

  /** Accepts no more clients. */
  stop(): void {
    this.#unwatch();
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  /**
   * The server listens at a new socket. The acceptor still accepts the clients that wait at the old one, up to its
   * queue's length, and closes it.
   */
  moveFrom(replaced: LocalSocket): void {
    this.#unwatch();
    for (let client = this.#accept(replaced); client !== null; client = this.#accept(replaced)) {
      this.#hooks.greet(client);
    }
    replaced.close();
    this.watch();
  }

  /**
   * Pauses accepting. No event reports that descriptors are free again, and the socket would stay readable, so a timer
   * asks again. Meanwhile clients wait in the kernel, and the timer keeps the process alive in place of the socket.
   */
  pause(error: unknown): void {
    const reason = describeSystemError(error);
    this.#warnings.warn(
      `EntropyNet server '${this.#name}' can't accept clients: ${reason}; clients wait, and it tries again every ${ACCEPT_PAUSE_MS} ms`,
    );
    this.#unwatch();
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.watch();
    }, ACCEPT_PAUSE_MS);
    if (!this.#isReferenced) this.#pause.unref();
  }

  #unwatch(): void {
    this.#watched?.unwatch();
    this.#watched = undefined;
  }

  #acceptClients(socket: LocalSocket): void {
    while (this.#hooks.socket() !== undefined && this.#pause === undefined && this.#hooks.hasRoom()) {
      const client = this.#accept(socket);
      if (client === null) return;
      this.#hooks.greet(client);
    }
    // The limit of handshakes is reached: further clients wait in the kernel until one ends.
    if (this.#hooks.socket() !== undefined) this.#unwatch();
  }

  #accept(socket: LocalSocket): LocalSocket | null {
    try {
      return socket.accept();
    } catch (error) {
      this.pause(error);
      return null;
    }
  }
}
