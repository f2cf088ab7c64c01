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
  /** Replaced sockets at which clients may still wait. The acceptor closes them. */
  readonly #replaced = new Set<LocalSocket>();
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
    for (const replaced of this.#replaced) {
      if (!this.#acceptFrom(replaced)) return;
      this.#replaced.delete(replaced);
      replaced.close();
    }
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
    for (const replaced of this.#replaced) replaced.close();
    this.#replaced.clear();
  }

  /**
   * The server listens at a new socket. The acceptor first accepts the clients that wait at the old one, and closes it.
   * At the limit of handshakes, and during a shortage, they wait there.
   */
  moveFrom(replaced: LocalSocket): void {
    this.#unwatch();
    this.#replaced.add(replaced);
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
    // The limit of handshakes is reached: further clients wait in the kernel until one ends.
    if (!this.#acceptFrom(socket) && this.#hooks.socket() !== undefined) this.#unwatch();
  }

  /** Accepts the clients that wait at a socket. Returns false if the limit of handshakes or a shortage interrupts it. */
  #acceptFrom(socket: LocalSocket): boolean {
    while (this.#hooks.socket() !== undefined && this.#pause === undefined && this.#hooks.hasRoom()) {
      const client = this.#accept(socket);
      if (client === null) return this.#pause === undefined;
      this.#hooks.greet(client);
    }
    return false;
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
