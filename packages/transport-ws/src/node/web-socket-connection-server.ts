import {
  createServer as createHttpServer,
  type IncomingMessage,
  Server as HttpServer,
  type ServerOptions,
} from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import {
  err,
  kindOf,
  NetworkServer,
  NetworkError,
  OK,
  resolveOwnConfig,
  type Result,
  type ServerConfig,
  unwrap,
} from '@entropynet/core';
import { answerBrokenRequests } from './broken-requests.js';
import { HandshakeDesk } from './handshake-desk.js';
import { listenAtEveryAddress } from './own-http-servers.js';
import { endHandshakesToo } from './tls-handshakes.js';
import {
  checkTlsKeys,
  refuseServerTls,
  requireServerTls,
  secureContextOptions,
  serverTlsOptions,
  tryTls,
} from './tls-options.js';
import { webSocketSection, type WebSocketTlsConfig, type WebSocketTlsOptions } from '../protocol/web-socket-options.js';
import { checkHeaderNames } from './upgrade-gate.js';
import { checkUpgrade, refuseUpgrade, UpgradeRouter } from './upgrade-router.js';
import { formatHostPort, parseWebSocketAddress, type WebSocketAddress } from '../protocol/web-socket-address.js';

/** The largest size of an upgrade request's headers. A correct request needs less. */
const MAX_HEADER_BYTES = 8 * 1024;

/** TCP connections beyond `maxConnections`, so that a client beyond the limit gets an answer. */
const SPARE_SOCKETS = 64;

/**
 * A server for WebSocket connections. It listens on a port of its own, or uses the `http.Server` in `webSocket.server`,
 * which the program still owns.
 */
export class WebSocketConnectionServer extends NetworkServer {
  readonly #address: WebSocketAddress;
  readonly #desk: HandshakeDesk;
  /** The HTTP servers that it has made, one for each address; without those of the program. */
  #ownServers: readonly HttpServer[] = [];
  #server: HttpServer | undefined;
  #removeRoutes: (() => void)[] = [];
  #isReferenced = true;
  /** The TLS options for the next listening servers. */
  #tls: WebSocketTlsConfig | undefined;

  /** @param config the configuration; for a wrong one, the constructor throws a `NetworkError` (`InvalidParameter`) */
  constructor(config: ServerConfig) {
    const resolved = unwrap(resolveOwnConfig(config, webSocketSection));
    super(resolved, resolved.webSocket.maxConnections);
    this.#address = unwrap(parseWebSocketAddress(this.config.endpoint));
    const { server, tls, noServer, responseHeaders } = this.config.webSocket;
    if (server !== undefined && !(server instanceof HttpServer) && !hasTls(server)) {
      throw new NetworkError(
        'InvalidParameter',
        `'webSocket.server' was given ${kindOf(server)}; an http.Server or https.Server is allowed`,
      );
    }
    checkTlsKeys(tls);
    if (noServer && server !== undefined) {
      throw new NetworkError(
        'InvalidParameter',
        "'webSocket.noServer' was given together with 'webSocket.server': one is allowed",
      );
    }
    if (noServer || server !== undefined) refuseServerTls(tls, noServer ? 'noServer' : 'server');
    else if (this.#address.isSecure) requireServerTls(tls);
    checkHeaderNames(responseHeaders);
    this.#tls = tls;
    this.#desk = new HandshakeDesk(this.config, this.accepted);
  }

  /**
   * Handles an upgrade request that the program passes to it. With `webSocket.noServer`, connections come only in this
   * way. The program checks the path; the server checks the origin, calls `authenticate` and applies the limits. The
   * server owns the socket from now on: if it refuses the request, it answers and closes the socket. A second call for the
   * same socket has no effect.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    checkUpgrade(request, socket, head);
    if (this.isListening()) this.#desk.take(request, socket, head, true);
    else refuseUpgrade(socket, 503, 'the server does not listen');
  }

  /**
   * Replaces certificates and keys, for new connections only. `NotSupported`: the server does not listen, has no TLS, or
   * uses an HTTP server of the program. `InvalidParameter`: the options are wrong; the old ones stay.
   */
  setTls(tls: WebSocketTlsOptions | undefined): Result {
    const servers = this.#ownServers.filter((server) => server instanceof TlsServer) as unknown as TlsServer[];
    if (servers.length === 0)
      return err('NotSupported', 'setTls() needs a wss:// server that listens on a port of its own; this one does not');
    const resolved = resolveOwnConfig({ endpoint: this.config.endpoint, webSocket: { tls } }, webSocketSection);
    if (!resolved.ok) return resolved;
    const next = resolved.value.webSocket.tls;
    try {
      checkTlsKeys(next);
      requireServerTls(next);
    } catch (error) {
      if (error instanceof NetworkError) return { ok: false, error };
      throw error;
    }
    const usable = tryTls(next);
    if (!usable.ok) return usable;
    this.#tls = next;
    const { requestCert, rejectUnauthorized } = serverTlsOptions(next);
    for (const server of servers) {
      server.setSecureContext(secureContextOptions(next));
      // These two are not part of the context: Node.js reads them from the server for each connection.
      Object.assign(server, { requestCert, rejectUnauthorized });
    }
    return OK;
  }

  protected doStopAccepting(): void {
    for (const removeRoute of this.#removeRoutes.splice(0)) removeRoute();
    for (const server of this.#ownServers) {
      // Not awaited: an HTTP server waits for its connections, which stay open.
      server.close();
      server.closeAllConnections();
    }
    this.#ownServers = [];
    this.#server = undefined;
    this.#desk.giveUp();
  }

  /**
   * Makes the listening server keep the process alive (the default). Has no effect on an HTTP server of the program.
   */
  ref(): void {
    this.#isReferenced = true;
    for (const server of this.#ownServers) server.ref();
  }

  /** Lets the process end although the server listens. Has no effect on an HTTP server of the program. */
  unref(): void {
    this.#isReferenced = false;
    for (const server of this.#ownServers) server.unref();
  }

  /** Returns the address for clients; undefined while the server does not listen. */
  address(): string | undefined {
    const bound = this.isListening() ? this.#server?.address() : undefined;
    if (typeof bound !== 'object' || bound === null) return undefined;
    const scheme = hasTls(this.#server) ? 'wss' : 'ws';
    const path = this.#address.path === '/' ? '' : this.#address.path;
    return `${scheme}://${formatHostPort(reachableHostOf(bound.address), bound.port)}${path}`;
  }

  protected async doListen(): Promise<Result> {
    const given = this.config.webSocket.server as HttpServer | undefined;
    const isOwn = given === undefined && !this.config.webSocket.noServer;
    const own = isOwn ? await this.#listenOnOwn() : undefined;
    if (own?.ok === false) return own;
    this.#ownServers = own?.value ?? [];
    const servers = given === undefined ? this.#ownServers : [given];
    try {
      for (const server of servers) {
        const removeRoute = UpgradeRouter.add(server, this.#address.path, this.#desk.take);
        if (removeRoute === undefined) {
          return err('AddressInUse', `another server has the path ${this.#address.path} of this HTTP server already`);
        }
        this.#removeRoutes.push(removeRoute);
      }
    } catch (error) {
      // A failed `listen()` leaves nothing behind.
      this.doStopAccepting();
      throw error;
    }
    if (!this.#isReferenced) this.unref();
    this.#server = servers[0];
    return OK;
  }

  async #listenOnOwn(): Promise<Result<HttpServer[]>> {
    const usable = this.#address.isSecure ? tryTls(this.#tls) : OK;
    if (!usable.ok) return usable;
    return listenAtEveryAddress(this.#address, () => this.#createServer());
  }

  #createServer(): HttpServer {
    const { handshakeTimeoutMs, maxConnections } = this.config.webSocket;
    const limits = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: handshakeTimeoutMs,
      requestTimeout: handshakeTimeoutMs,
      connectionsCheckingInterval: Math.min(handshakeTimeoutMs, 1000),
    };
    const server = this.#address.isSecure ? this.#createTlsServer(limits) : createHttpServer(limits);
    server.on('request', (_request, response) => {
      response.writeHead(426, { Connection: 'close', 'Content-Type': 'text/plain', Upgrade: 'websocket' });
      response.end('this endpoint speaks WebSocket only\n');
    });
    answerBrokenRequests(server, handshakeTimeoutMs);
    server.maxConnections = maxConnections + SPARE_SOCKETS;
    return server;
  }

  #createTlsServer(limits: ServerOptions): HttpsServer {
    const handshakeTimeout = this.config.webSocket.handshakeTimeoutMs;
    const server = createHttpsServer({ ...limits, handshakeTimeout, ...serverTlsOptions(this.#tls) });
    endHandshakesToo(server);
    return server;
  }
}

/** Whether a server has TLS. In Bun, an `https.Server` is no `tls.Server`. */
function hasTls(server: unknown): boolean {
  return server instanceof TlsServer || server instanceof HttpsServer;
}

/** Returns a host that clients can use. For a server on every address, it is this machine. */
function reachableHostOf(bound: string): string {
  if (bound === '0.0.0.0') return '127.0.0.1';
  return bound === '::' ? '::1' : bound;
}
