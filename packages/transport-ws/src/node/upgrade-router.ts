import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugLog, kindOf } from '@entropynet/core';

const log = debugLog('ws');

/**
 * Takes an upgrade request and its socket.
 * `isAlone`: no other listener handles upgrades of this server, so a request that this handler ignores never gets an
 * answer.
 */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer, isAlone: boolean) => void;

/**
 * Marks the listeners of this package, including those of another copy of it. The function reports whether a path
 * belongs to a listener.
 */
const HAS_PATH = Symbol.for('@entropynet/transport-ws/has-path');

interface RoutingListener {
  (request: IncomingMessage, socket: Duplex, head: Buffer): void;
  [HAS_PATH]?: (path: string) => boolean;
}

/**
 * Distributes the upgrade requests of one HTTP server by path. It leaves requests for other paths to the server's other
 * `upgrade` listeners. If there are none, it answers with 404.
 */
export class UpgradeRouter {
  static readonly #routers = new WeakMap<Server, UpgradeRouter>();

  readonly #server: Server;
  readonly #handlers = new Map<string, UpgradeHandler>();
  readonly #listener: RoutingListener;

  private constructor(server: Server) {
    this.#server = server;
    this.#listener = (request, socket, head) => {
      this.#route(request, socket, head);
    };
    this.#listener[HAS_PATH] = (path) => this.#handlers.has(path);
  }

  /**
   * Routes `path` of `server` to `handler`; undefined if the path is in use. The returned function removes the route.
   */
  static add(server: Server, path: string, handler: UpgradeHandler): (() => void) | undefined {
    const router = UpgradeRouter.#routers.get(server) ?? new UpgradeRouter(server);
    UpgradeRouter.#routers.set(server, router);
    if (router.#ours().some((listener) => listener[HAS_PATH]?.(path) === true)) return undefined;
    if (router.#handlers.size === 0) server.on('upgrade', router.#listener);
    router.#handlers.set(path, handler);
    return () => {
      if (router.#handlers.get(path) !== handler) return;
      router.#handlers.delete(path);
      if (router.#handlers.size === 0) server.off('upgrade', router.#listener);
    };
  }

  #ours(): RoutingListener[] {
    const listeners = this.#server.listeners('upgrade') as RoutingListener[];
    return listeners.filter((listener) => listener[HAS_PATH] !== undefined);
  }

  #route(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const handler = this.#handlers.get(path);
    const ours = this.#ours();
    const isAlone = ours.length === this.#server.listenerCount('upgrade');
    if (handler !== undefined) {
      handler(request, socket, head, isAlone);
      return;
    }
    // If the process has several copies of this package, only one of them answers.
    const isAnyones = ours.some((listener) => listener[HAS_PATH]?.(path) === true);
    if (isAlone && !isAnyones && ours[0] === this.#listener)
      refuseUpgrade(socket, 404, 'no EntropyNet server has this path');
  }
}

/**
 * Throws a `TypeError` for arguments that are no upgrade request of `node:http`, before any of their members is used.
 */
export function checkUpgrade(request: unknown, socket: unknown, head: unknown): void {
  const { headers } = (request as Partial<IncomingMessage> | null | undefined) ?? {};
  const { destroy, end } = (socket as Partial<Duplex> | null | undefined) ?? {};
  let wrong: string | undefined;
  if (typeof headers !== 'object') wrong = `the request of an 'upgrade' event first; ${kindOf(request)} was given`;
  else if (typeof end !== 'function' || typeof destroy !== 'function') {
    wrong = `the request's socket second; ${kindOf(socket)} was given`;
  } else if (!ArrayBuffer.isView(head)) wrong = `the first bytes behind the request third; ${kindOf(head)} was given`;
  if (wrong !== undefined) throw new TypeError(`handleUpgrade() takes ${wrong}`);
}

/**
 * Answers an upgrade request with an HTTP status and ends its socket.
 * @param detail further text for the log, which the client does not get
 */
export function refuseUpgrade(socket: Duplex, status: number, reason: string, detail?: string): void {
  log(() => `upgrade refused with HTTP status ${status}: ${reason}${detail === undefined ? '' : ` (${detail})`}`);
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  endWithStatus(socket, status, reason);
}

/** Writes an answer with an HTTP status, and ends this side's direction of the socket. */
export function endWithStatus(socket: Duplex, status: number, reason: string): void {
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(reason)}`,
      '',
      reason,
    ].join('\r\n'),
  );
}
