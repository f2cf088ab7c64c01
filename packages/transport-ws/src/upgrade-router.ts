import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugLog } from '@entropynet/core';

const log = debugLog('ws');

/** Takes over an upgrade request and its socket. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Shares the upgrade requests of one HTTP server by path. Requests for other paths are left to the server's other
 * `upgrade` listeners; where there is none, they are answered with 404, as nobody else would answer them.
 */
export class UpgradeRouter {
  static readonly #routers = new WeakMap<Server, UpgradeRouter>();

  readonly #server: Server;
  readonly #handlers = new Map<string, UpgradeHandler>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Routes `path` of `server` to `handler`; undefined where the path is taken. The returned function ends it. */
  static add(server: Server, path: string, handler: UpgradeHandler): (() => void) | undefined {
    const router = UpgradeRouter.#routers.get(server) ?? new UpgradeRouter(server);
    UpgradeRouter.#routers.set(server, router);
    if (router.#handlers.has(path)) return undefined;
    if (router.#handlers.size === 0) server.on('upgrade', router.#onUpgrade);
    router.#handlers.set(path, handler);
    return () => {
      if (router.#handlers.get(path) !== handler) return;
      router.#handlers.delete(path);
      if (router.#handlers.size === 0) server.off('upgrade', router.#onUpgrade);
    };
  }

  readonly #onUpgrade: UpgradeHandler = (request, socket, head) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const handler = this.#handlers.get(path);
    if (handler !== undefined) handler(request, socket, head);
    else if (this.#server.listenerCount('upgrade') === 1) refuseUpgrade(socket, 404, 'no endpoint has this path');
  };
}

/** Answers an upgrade request with an HTTP status and ends its socket. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  log(() => `upgrade refused with HTTP status ${status}: ${reason}`);
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
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
