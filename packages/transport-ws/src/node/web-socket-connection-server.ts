import { createServer as createHttpServer, type IncomingMessage, Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import {
  err,
  NetworkServer,
  NetworkError,
  OK,
  resolveOwnConfig,
  type Result,
  type ServerConfig,
  unwrap,
} from '@entropynet/core';
import { HandshakeDesk } from './handshake-desk.js';
import { listenAtEveryAddress } from './own-http-servers.js';
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

/** Bounds on what a client may send before it is known: more than any honest upgrade request needs. */
const MAX_HEADER_BYTES = 8 * 1024;

/** TCP connections beyond `maxConnections` that may be there at once, so that one too many gets an answer. */
const SPARE_SOCKETS = 64;

/**
 * Listens for WebSocket connections: on a port of its own, or on the `http.Server` that `webSocket.server` names and
 * that stays the user's.
 */
export class WebSocketConnectionServer extends NetworkServer {
  readonly #address: WebSocketAddress;
  readonly #desk: HandshakeDesk;
  /** Its own, one for each address; those of the user are not among them. */
  #ownServers: readonly HttpServer[] = [];
  #server: HttpServer | undefined;
  #removeRoutes: (() => void)[] = [];
  #isReferenced = true;
  /** What the next listening servers use. */
  #tls: WebSocketTlsConfig | undefined;

  /** @param config throws a `NetworkError` (`InvalidParameter`) that names what is wrong */
  constructor(config: ServerConfig) {
    const resolved = unwrap(resolveOwnConfig(config, webSocketSection));
    super(resolved, resolved.webSocket.maxConnections);
    this.#address = unwrap(parseWebSocketAddress(this.config.endpoint));
    const { server, tls, noServer, responseHeaders } = this.config.webSocket;
    if (server !== undefined && !(server instanceof HttpServer) && !(server instanceof TlsServer)) {
      throw new NetworkError('InvalidParameter', "'webSocket.server' is neither an http.Server nor an https.Server");
    }
    checkTlsKeys(tls);
    if (noServer && server !== undefined) {
      throw new NetworkError(
        'InvalidParameter',
        "'webSocket.noServer' was given together with 'webSocket.server': one is allowed",
      );
    }
    if (noServer || server !== undefined) refuseServerTls(tls);
    else if (this.#address.isSecure) requireServerTls(tls);
    checkHeaderNames(responseHeaders);
    this.#tls = tls;
    this.#desk = new HandshakeDesk(this.config, this.accepted);
  }

  /**
   * Takes an upgrade request that the program has routed here: by a framework of its own, and with `webSocket.noServer` in no
   * other way. The path is the program's business; origin, `authenticate` and limits are checked. The socket is this
   * server's from here on: a request that is refused is answered and its socket closed.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    checkUpgrade(request, socket, head);
    if (this.isListening()) this.#desk.take(request, socket, head, true);
    else refuseUpgrade(socket, 503, 'the server does not listen');
  }

  /**
   * Takes other certificates and keys from the next connection on; those that stand go on. With the attached server of a
   * program, or without TLS: `NotSupported`. `InvalidParameter`: what can't be used, and nothing changes.
   */
  setTls(tls: WebSocketTlsOptions | undefined): Result {
    const servers = this.#ownServers.filter((server) => server instanceof TlsServer) as unknown as TlsServer[];
    if (servers.length === 0) return err('NotSupported', 'this server has no TLS of its own');
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
      // Not part of the context: Node.js reads these two from the server, for each connection.
      Object.assign(server, { requestCert, rejectUnauthorized });
    }
    return OK;
  }

  protected doStopAccepting(): void {
    for (const removeRoute of this.#removeRoutes.splice(0)) removeRoute();
    for (const server of this.#ownServers) {
      // Not awaited: HTTP servers wait for the connections that came from them, and those go on.
      server.close();
      server.closeAllConnections();
    }
    this.#ownServers = [];
    this.#server = undefined;
    this.#desk.giveUp();
  }

  /** Listening keeps the process alive (the default). An HTTP server of the user's keeps it alive as the user wants. */
  ref(): void {
    this.#isReferenced = true;
    for (const server of this.#ownServers) server.ref();
  }

  /** Listening does not keep the process alive. An HTTP server of the user's is left as it is. */
  unref(): void {
    this.#isReferenced = false;
    for (const server of this.#ownServers) server.unref();
  }

  /** The address that clients use; undefined while the server does not listen. */
  address(): string | undefined {
    const bound = this.isListening() ? this.#server?.address() : undefined;
    if (typeof bound !== 'object' || bound === null) return undefined;
    const scheme = this.#server instanceof TlsServer ? 'wss' : 'ws';
    const path = this.#address.path === '/' ? '' : this.#address.path;
    return `${scheme}://${formatHostPort(reachableHostOf(bound.address), bound.port)}${path}`;
  }

  protected async doListen(): Promise<Result> {
    const given = this.config.webSocket.server as HttpServer | undefined;
    const isOwn = given === undefined && !this.config.webSocket.noServer;
    const own = isOwn ? await this.#listenOnOwn() : undefined;
    if (own?.ok === false) return own;
    const servers = given === undefined ? (own?.value ?? []) : [given];
    for (const server of servers) {
      const removeRoute = UpgradeRouter.add(server, this.#address.path, this.#desk.take);
      if (removeRoute === undefined) {
        return err('AddressInUse', `another server has the path ${this.#address.path} of this HTTP server already`);
      }
      this.#removeRoutes.push(removeRoute);
    }
    this.#ownServers = own?.value ?? [];
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
    const server = this.#address.isSecure
      ? createHttpsServer({
          ...limits,
          handshakeTimeout: handshakeTimeoutMs,
          ...serverTlsOptions(this.#tls),
        })
      : createHttpServer(limits);
    server.on('request', (_request, response) => {
      response.writeHead(426, { Connection: 'close', 'Content-Type': 'text/plain', Upgrade: 'websocket' });
      response.end('this endpoint speaks WebSocket only\n');
    });
    server.maxConnections = maxConnections + SPARE_SOCKETS;
    return server;
  }
}

/** The host in an address that clients can use: a server bound to every address is also reached on this machine. */
function reachableHostOf(bound: string): string {
  if (bound === '0.0.0.0') return '127.0.0.1';
  return bound === '::' ? '::1' : bound;
}
