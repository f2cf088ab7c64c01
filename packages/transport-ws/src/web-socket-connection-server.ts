import { createServer as createHttpServer, type IncomingMessage, Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import {
  AcceptQueue,
  type ConnectionServer,
  err,
  type NetworkConnection,
  NetworkError,
  OK,
  resolveConnectionConfig,
  type ResolvedConnectionConfig,
  type Result,
  type ServerConfig,
  unwrap,
} from '@entropynet/core';
import { type WebSocket, WebSocketServer } from 'ws';
import { clearTimeout, setTimeout } from './platform-timers.js';
import { checkAuthentication, checkHeaders } from './upgrade-gate.js';
import { refuseUpgrade, UpgradeRouter } from './upgrade-router.js';
import { bindHostOf, formatHostPort, parseWebSocketAddress, type WebSocketAddress } from './web-socket-address.js';
import { WebSocketConnection } from './web-socket-connection.js';
import { listenErrorOf } from './web-socket-errors.js';
import { WebSocketLink } from './web-socket-link.js';
import { CloseCode, SOCKET_OPTIONS, SUBPROTOCOL } from './web-socket-protocol.js';

/** Bounds on what a client may send before it is known: more than any honest upgrade request needs. */
const MAX_HEADER_BYTES = 8 * 1024;

/** TCP connections beyond `maxConnections` that may be there at once, so that one too many gets an answer. */
const SPARE_SOCKETS = 64;

/**
 * Listens for WebSocket connections: on a port of its own, or on the `http.Server` that `webSocket.server` names and
 * that stays the user's.
 */
export class WebSocketConnectionServer implements ConnectionServer {
  readonly #config: ResolvedConnectionConfig;
  readonly #address: WebSocketAddress;
  readonly #accepted: AcceptQueue<NetworkConnection>;
  /** Sockets from their upgrade request until they are closed: what `maxConnections` counts. */
  readonly #sockets = new Set<Socket>();
  /** Those that no connection stands for yet. */
  readonly #handshakes = new Set<Socket>();
  readonly #upgrader: WebSocketServer;
  #server: HttpServer | undefined;
  #removeRoute: (() => void) | undefined;
  #listening: Promise<Result> | undefined;
  #closing = new AbortController();
  #isListening = false;
  #isReferenced = true;

  /** @param config throws a `NetworkError` (`InvalidParameter`) that names what is wrong */
  constructor(config: ServerConfig) {
    this.#config = unwrap(resolveConnectionConfig(config));
    this.#address = unwrap(parseWebSocketAddress(this.#config.endpoint));
    const { server, tls, maxConnections } = this.#config.webSocket;
    if (server !== undefined && !(server instanceof HttpServer) && !(server instanceof TlsServer)) {
      throw new NetworkError('InvalidParameter', "'webSocket.server' is no http.Server and no https.Server");
    }
    if (this.#address.isSecure && server === undefined) {
      requireKey('webSocket.tls.certificate', tls?.certificate);
      requireKey('webSocket.tls.privateKey', tls?.privateKey);
    }
    this.#accepted = new AcceptQueue(maxConnections);
    const options = {
      ...SOCKET_OPTIONS,
      noServer: true,
      clientTracking: false,
      closeTimeout: this.#config.sendTimeoutMs,
      handleProtocols: () => SUBPROTOCOL,
    };
    this.#upgrader = new WebSocketServer(options);
  }

  listen(): Promise<Result> {
    this.#listening ??= this.#startListening().then((result) => {
      if (!result.ok) this.#listening = undefined;
      return result;
    });
    return this.#listening;
  }

  accept(options?: { signal?: AbortSignal }): Promise<Result<NetworkConnection>> {
    return this.#accepted.accept(options?.signal);
  }

  async close(): Promise<Result> {
    await this.#listening;
    this.#listening = undefined;
    this.#isListening = false;
    this.#removeRoute?.();
    this.#removeRoute = undefined;
    if (this.#config.webSocket.server === undefined && this.#server !== undefined) {
      // Not awaited: HTTP servers wait for the connections that came from them, and those go on.
      this.#server.close();
      this.#server.closeAllConnections();
    }
    this.#server = undefined;
    const waiting = this.#accepted.close();
    this.#closing.abort(new NetworkError('ConnectionClosed', 'the server is closing'));
    for (const socket of this.#handshakes) socket.destroy();
    await Promise.all(waiting.map((connection) => connection.disconnect()));
    return OK;
  }

  isListening(): boolean {
    return this.#isListening;
  }

  /** Listening keeps the process alive (the default). */
  ref(): void {
    this.#isReferenced = true;
    this.#server?.ref();
  }

  /** Listening does not keep the process alive. */
  unref(): void {
    this.#isReferenced = false;
    this.#server?.unref();
  }

  address(): string | undefined {
    const bound = this.#isListening ? this.#server?.address() : undefined;
    if (typeof bound !== 'object' || bound === null) return undefined;
    const scheme = this.#server instanceof TlsServer ? 'wss' : 'ws';
    const path = this.#address.path === '/' ? '' : this.#address.path;
    return `${scheme}://${formatHostPort(reachableHostOf(bound.address), bound.port)}${path}`;
  }

  /** Accepts until the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<NetworkConnection> {
    return this.#accepted.iterate();
  }

  /** As `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #startListening(): Promise<Result> {
    const own = this.#config.webSocket.server === undefined ? this.#createServer() : undefined;
    if (own?.ok === false) return own;
    const server = own?.value ?? (this.#config.webSocket.server as HttpServer);
    this.#removeRoute = UpgradeRouter.add(server, this.#address.path, this.#onUpgrade);
    if (this.#removeRoute === undefined) {
      return err('AddressInUse', `another server has the path ${this.#address.path} of this HTTP server already`);
    }
    if (own !== undefined) {
      const listening = await this.#bind(server);
      if (!listening.ok) {
        this.#removeRoute();
        return listening;
      }
    }
    this.#server = server;
    if (!this.#isReferenced) server.unref();
    this.#closing = new AbortController();
    this.#accepted.open();
    this.#isListening = true;
    return OK;
  }

  #createServer(): Result<HttpServer> {
    const { handshakeTimeoutMs, maxConnections, tls } = this.#config.webSocket;
    const limits = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: handshakeTimeoutMs,
      requestTimeout: handshakeTimeoutMs,
      connectionsCheckingInterval: Math.min(handshakeTimeoutMs, 1000),
    };
    try {
      const server = this.#address.isSecure
        ? createHttpsServer({
            ...limits,
            handshakeTimeout: handshakeTimeoutMs,
            cert: tls?.certificate,
            key: tls?.privateKey,
            ca: tls?.certificateAuthority,
          })
        : createHttpServer(limits);
      server.on('request', (_request, response) => {
        response.writeHead(426, { Connection: 'close', 'Content-Type': 'text/plain', Upgrade: 'websocket' });
        response.end('this endpoint speaks WebSocket only\n');
      });
      server.maxConnections = maxConnections + SPARE_SOCKETS;
      return { ok: true, value: server };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return err('InvalidParameter', `'webSocket.tls' can not be used: ${reason}`, error);
    }
  }

  #bind(server: HttpServer): Promise<Result> {
    const host = bindHostOf(this.#address);
    const { port } = this.#address;
    return new Promise((resolve) => {
      server.once('error', (error) => {
        resolve({ ok: false, error: listenErrorOf(error, formatHostPort(host, port)) });
      });
      server.listen({ host, port }, () => {
        // From here on an error concerns one connection attempt (no file descriptor left): the next may succeed.
        server.removeAllListeners('error').on('error', () => undefined);
        resolve(OK);
      });
    });
  }

  readonly #onUpgrade = (request: IncomingMessage, stream: object, head: Buffer): void => {
    const socket = stream as Socket;
    const { webSocket } = this.#config;
    const refusal = checkHeaders(request, webSocket);
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal.status, refusal.reason);
      return;
    }
    if (this.#sockets.size >= webSocket.maxConnections) {
      refuseUpgrade(socket, 503, 'too many connections');
      return;
    }
    this.#sockets.add(socket);
    this.#handshakes.add(socket);
    // Until `ws` listens, nobody else would hear an error.
    socket.on('error', ignore);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#handshakes.delete(socket);
    });
    void this.#admit(request, socket, head);
  };

  async #admit(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const refusal = await checkAuthentication(request, this.#config.webSocket, this.#closing.signal);
    if (socket.destroyed) return;
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal.status, refusal.reason);
      return;
    }
    try {
      this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
        void this.#greet(webSocket, socket);
      });
    } catch {
      // Another `upgrade` listener of the user's server has taken this request: the socket is no longer ours.
      this.#sockets.delete(socket);
      this.#handshakes.delete(socket);
    }
  }

  async #greet(webSocket: WebSocket, socket: Socket): Promise<void> {
    const limitMs = this.#config.webSocket.handshakeTimeoutMs;
    const controller = new AbortController();
    const giveUp = (): void => {
      controller.abort(this.#closing.signal.reason);
    };
    const timer = setTimeout(() => {
      controller.abort(new NetworkError('Timeout', `no greeting within ${limitMs} ms`));
    }, limitMs);
    const closing = this.#closing.signal;
    closing.addEventListener('abort', giveUp, { once: true });
    const link = new WebSocketLink(webSocket, socket, 'none', this.#config);
    const greeted = await link.greet(controller.signal);
    clearTimeout(timer);
    closing.removeEventListener('abort', giveUp);
    this.#handshakes.delete(socket);
    if (!greeted.ok) return;
    const connection = new WebSocketConnection(this.#config, link);
    if (this.#accepted.push(connection)) return;
    link.abort(CloseCode.TryAgainLater, new NetworkError('ResourceLimitExceeded', 'too many connections wait'));
    link.release();
  }
}

function ignore(): void {
  // The socket closes after an error, and that is what counts.
}

/** The host in an address that clients can use: a server bound to every address is also reached on this machine. */
function reachableHostOf(bound: string): string {
  if (bound === '0.0.0.0') return '127.0.0.1';
  return bound === '::' ? '::1' : bound;
}

function requireKey(key: string, value: string | undefined): void {
  if (value !== undefined) return;
  throw new NetworkError('InvalidParameter', `'${key}' was given nothing; a wss:// server needs it as PEM text`);
}
