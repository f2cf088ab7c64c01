import { createServer as createHttpServer, type IncomingMessage, Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import {
  type AcceptPlace,
  AcceptQueue,
  Audience,
  type BroadcastOptions,
  type BroadcastOutcome,
  type ConnectionServer,
  err,
  type NetworkConnection,
  NetworkError,
  OK,
  resolveOwnConfig,
  type ResolvedConnectionConfig,
  type Result,
  type ServerConfig,
  unwrap,
} from '@entropynet/core';
import { type WebSocket, WebSocketServer } from '#ws';
import { type AgreedCompression, agreedCompression, negotiationOptions } from './compression.js';
import { listenAtEveryAddress } from './own-http-servers.js';
import { clearTimeout, setTimeout } from './platform-timers.js';
import {
  checkTlsKeys,
  refuseServerTls,
  requireServerTls,
  secureContextOptions,
  serverTlsOptions,
  tryTls,
} from './tls-options.js';
import { webSocketSection, type WebSocketTlsConfig, type WebSocketTlsOptions } from '../protocol/web-socket-options.js';
import { asksForProtocol, checkAuthentication, checkHeaderNames, checkHeaders } from './upgrade-gate.js';
import { refuseUpgrade, UpgradeRouter } from './upgrade-router.js';
import { formatHostPort, parseWebSocketAddress, type WebSocketAddress } from '../protocol/web-socket-address.js';
import { WebSocketConnection } from './web-socket-connection.js';
import { type LinkFacts, WebSocketLink } from './web-socket-link.js';
import { CloseCode, SOCKET_OPTIONS, SUBPROTOCOL } from '../protocol/web-socket-protocol.js';

/** Bounds on what a client may send before it is known: more than any honest upgrade request needs. */
const MAX_HEADER_BYTES = 8 * 1024;

/** How the header of an answer begins that tells what was agreed beside the protocol. */
const EXTENSIONS = 'Sec-WebSocket-Extensions: ';

/** TCP connections beyond `maxConnections` that may be there at once, so that one too many gets an answer. */
const SPARE_SOCKETS = 64;

/**
 * Listens for WebSocket connections: on a port of its own, or on the `http.Server` that `webSocket.server` names and
 * that stays the user's.
 */
export class WebSocketConnectionServer implements ConnectionServer {
  readonly #config: ResolvedConnectionConfig;
  readonly #address: WebSocketAddress;
  readonly #audience = new Audience<NetworkConnection>();
  readonly #accepted: AcceptQueue<NetworkConnection>;
  /** Sockets from their upgrade request until they are closed: what `maxConnections` counts. */
  readonly #sockets = new Set<Socket>();
  /** Those that no connection stands for yet, and what gives each up. */
  readonly #handshakes = new Map<Socket, AbortController>();
  readonly #upgrader: WebSocketServer;
  /** What was agreed with the clients whose upgrade is being answered. */
  readonly #compressions = new WeakMap<IncomingMessage, AgreedCompression>();
  /** Its own, one for each address; those of the user are not among them. */
  #ownServers: readonly HttpServer[] = [];
  #server: HttpServer | undefined;
  #removeRoutes: (() => void)[] = [];
  #listening: Promise<Result> | undefined;
  #closing: Promise<Result> | undefined;
  #isListening = false;
  #isReferenced = true;
  /** What the next listening servers use. */
  #tls: WebSocketTlsConfig | undefined;

  /** @param config throws a `NetworkError` (`InvalidParameter`) that names what is wrong */
  constructor(config: ServerConfig) {
    this.#config = unwrap(resolveOwnConfig(config, webSocketSection));
    this.#address = unwrap(parseWebSocketAddress(this.#config.endpoint));
    const { server, tls, maxConnections, noServer, responseHeaders } = this.#config.webSocket;
    if (server !== undefined && !(server instanceof HttpServer) && !(server instanceof TlsServer)) {
      throw new NetworkError('InvalidParameter', "'webSocket.server' is no http.Server and no https.Server");
    }
    checkTlsKeys(tls);
    if (noServer && server !== undefined) {
      throw new NetworkError(
        'InvalidParameter',
        "'webSocket.noServer' was given beside 'webSocket.server': one is allowed",
      );
    }
    if (noServer || server !== undefined) refuseServerTls(tls);
    else if (this.#address.isSecure) requireServerTls(tls);
    checkHeaderNames(responseHeaders);
    this.#tls = tls;
    this.#accepted = new AcceptQueue(maxConnections, this.#config.admit, this.#audience.add);
    const { compression } = this.#config.webSocket;
    const options = {
      ...SOCKET_OPTIONS,
      perMessageDeflate: negotiationOptions(compression),
      noServer: true,
      clientTracking: false,
      closeTimeout: this.#config.sendTimeoutMs,
      handleProtocols: () => SUBPROTOCOL,
    };
    this.#upgrader = new WebSocketServer(options);
    this.#upgrader.on('headers', (lines: string[], request: IncomingMessage) => {
      const extensions = lines.find((line) => line.startsWith(EXTENSIONS))?.slice(EXTENSIONS.length);
      const agreed = agreedCompression(extensions, 'server', compression);
      if (agreed !== undefined) this.#compressions.set(request, agreed);
      for (const [name, value] of Object.entries(responseHeaders)) {
        for (const each of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${each}`);
      }
    });
  }

  /**
   * Takes an upgrade request that the program has routed here: by a framework of its own, and with `webSocket.noServer` in no
   * other way. The path is the program's business; origin, `authenticate` and limits are checked. The socket is this
   * server's from here on: a request that is refused is answered and its socket closed.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isListening) this.#onUpgrade(request, socket, head, true);
    else refuseUpgrade(socket, 503, 'the server does not listen');
  }

  /**
   * Takes other certificates and keys from the next connection on; those that stand go on. With the attached server of a
   * program, or without TLS: `NotSupported`. `InvalidParameter`: what can't be used, and nothing changes.
   */
  setTls(tls: WebSocketTlsOptions | undefined): Result {
    const servers = this.#ownServers.filter((server) => server instanceof TlsServer) as unknown as TlsServer[];
    if (servers.length === 0) return err('NotSupported', 'this server has no TLS of its own now');
    const resolved = resolveOwnConfig({ endpoint: this.#config.endpoint, webSocket: { tls } }, webSocketSection);
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

  listen(): Promise<Result> {
    if (this.#listening !== undefined) return this.#listening;
    const listening = this.#startAfterClosing().then((result) => {
      // By now there may be a later one.
      if (!result.ok && this.#listening === listening) this.#listening = undefined;
      return result;
    });
    this.#listening = listening;
    return listening;
  }

  accept(options?: { signal?: AbortSignal }): Promise<Result<NetworkConnection>> {
    return this.#accepted.accept(options?.signal);
  }

  broadcast(data: Uint8Array, options?: BroadcastOptions): Result<BroadcastOutcome<NetworkConnection>> {
    return this.#audience.broadcast(data, options);
  }

  close(): Promise<Result> {
    const listening = this.#listening;
    // A `listen()` from here on is one more, after this.
    this.#listening = undefined;
    const closing = this.#stopListening(listening, this.#closing);
    this.#closing = closing;
    return closing;
  }

  async #stopListening(listening: Promise<Result> | undefined, closing: Promise<Result> | undefined): Promise<Result> {
    await Promise.all([listening, closing]);
    this.#isListening = false;
    for (const removeRoute of this.#removeRoutes.splice(0)) removeRoute();
    for (const server of this.#ownServers) {
      // Not awaited: HTTP servers wait for the connections that came from them, and those go on.
      server.close();
      server.closeAllConnections();
    }
    this.#ownServers = [];
    this.#server = undefined;
    const waiting = this.#accepted.close();
    for (const [socket, controller] of this.#handshakes) {
      controller.abort(new NetworkError('ConnectionClosed', 'the server is closing'));
      socket.destroy();
    }
    await Promise.all(waiting.map((connection) => connection.disconnect()));
    return OK;
  }

  isListening(): boolean {
    return this.#isListening;
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

  #startAfterClosing(): Promise<Result> {
    return this.#closing === undefined ? this.#startListening() : this.#closing.then(() => this.#startListening());
  }

  async #startListening(): Promise<Result> {
    const given = this.#config.webSocket.server as HttpServer | undefined;
    const isOwn = given === undefined && !this.#config.webSocket.noServer;
    const own = isOwn ? await this.#listenOnOwn() : undefined;
    if (own?.ok === false) return own;
    const servers = given === undefined ? (own?.value ?? []) : [given];
    for (const server of servers) {
      const removeRoute = UpgradeRouter.add(server, this.#address.path, this.#onUpgrade);
      if (removeRoute === undefined) {
        return err('AddressInUse', `another server has the path ${this.#address.path} of this HTTP server already`);
      }
      this.#removeRoutes.push(removeRoute);
    }
    this.#ownServers = own?.value ?? [];
    if (!this.#isReferenced) this.unref();
    this.#server = servers[0];
    this.#accepted.open();
    this.#isListening = true;
    return OK;
  }

  async #listenOnOwn(): Promise<Result<HttpServer[]>> {
    const usable = this.#address.isSecure ? tryTls(this.#tls) : OK;
    if (!usable.ok) return usable;
    return listenAtEveryAddress(this.#address, () => this.#createServer());
  }

  #createServer(): HttpServer {
    const { handshakeTimeoutMs, maxConnections } = this.#config.webSocket;
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

  readonly #onUpgrade = (request: IncomingMessage, stream: object, head: Buffer, isAlone: boolean): void => {
    const socket = stream as Socket;
    const { webSocket } = this.#config;
    // Another listener of the user's server speaks that protocol, or has taken the socket over: it is not ours to answer.
    if (!isAlone && (!asksForProtocol(request) || isTaken(socket))) return;
    // It ended while the program was routing it: its 'close', which gives a place back, does not come again.
    if (socket.destroyed) return;
    const refusal = checkHeaders(request, webSocket);
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal.status, refusal.reason, refusal.detail);
      return;
    }
    if (this.#sockets.size >= webSocket.maxConnections) {
      refuseUpgrade(socket, 503, 'too many connections');
      return;
    }
    const { maxConnectionsPerAddress } = webSocket;
    if (maxConnectionsPerAddress !== undefined && this.#countFrom(socket.remoteAddress) >= maxConnectionsPerAddress) {
      refuseUpgrade(socket, 429, 'too many connections from this address');
      return;
    }
    const controller = new AbortController();
    this.#sockets.add(socket);
    this.#handshakes.set(socket, controller);
    // Until `ws` listens, nobody else would hear an error.
    socket.on('error', ignore);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#handshakes.delete(socket);
    });
    void this.#admit(request, socket, head, controller);
  };

  #countFrom(address: string | undefined): number {
    let count = 0;
    for (const { remoteAddress } of this.#sockets) if (remoteAddress === address) count += 1;
    return count;
  }

  async #admit(request: IncomingMessage, socket: Socket, head: Buffer, controller: AbortController): Promise<void> {
    const { refusal, ...identity } = await checkAuthentication(request, this.#config.webSocket, controller.signal);
    if (socket.destroyed) return;
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal.status, refusal.reason);
      return;
    }
    const place = this.#takePlace();
    if (!place.ok) {
      this.#turnAway(request, socket, head);
      return;
    }
    // However the handshake ends, unless with a connection.
    socket.once('close', () => {
      place.value.release();
    });
    try {
      this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
        const admitted = { ...identity, request: { url: request.url ?? '', headers: request.headers } };
        const facts = { admitted, compression: this.#compressions.get(request) };
        void this.#greet(webSocket, socket, controller, facts, place.value);
      });
    } catch {
      // Another `upgrade` listener of the user's server has taken this request: the socket is no longer ours.
      this.#sockets.delete(socket);
      this.#handshakes.delete(socket);
      place.value.release();
    }
  }

  /** Clients that left before anybody accepted them, and left no message, hold no place where places are short. */
  #takePlace(): Result<AcceptPlace<NetworkConnection>> {
    const place = this.#accepted.admit();
    if (place.ok) return place;
    const left = this.#accepted.removeWhere((each) => each instanceof WebSocketConnection && each.isAbandoned);
    for (const connection of left) void connection.disconnect();
    return left.length === 0 ? place : this.#accepted.admit();
  }

  /** Refuses a client by a close code: a page sees no HTTP status, and must learn that the server is full. */
  #turnAway(request: IncomingMessage, socket: Socket, head: Buffer): void {
    try {
      this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('error', ignore);
        webSocket.close(CloseCode.TryAgainLater, 'too many connections');
        // A client that does not answer the close holds its socket no longer than an unfinished handshake.
        const timer = setTimeout(() => {
          webSocket.terminate();
        }, this.#config.webSocket.handshakeTimeoutMs);
        webSocket.once('close', () => {
          clearTimeout(timer);
        });
      });
    } catch {
      // Another `upgrade` listener of the user's server has taken this request: the socket is no longer ours.
      this.#sockets.delete(socket);
      this.#handshakes.delete(socket);
    }
  }

  async #greet(
    webSocket: WebSocket,
    socket: Socket,
    controller: AbortController,
    facts: LinkFacts,
    place: AcceptPlace<NetworkConnection>,
  ): Promise<void> {
    const limitMs = this.#config.webSocket.handshakeTimeoutMs;
    const timer = setTimeout(() => {
      controller.abort(new NetworkError('Timeout', `no greeting within ${limitMs} ms`));
    }, limitMs);
    const link = new WebSocketLink(webSocket, socket, 'none', this.#config, facts);
    const greeted = await link.greet(controller.signal);
    clearTimeout(timer);
    this.#handshakes.delete(socket);
    if (!greeted.ok) {
      place.release();
      return;
    }
    const connection = new WebSocketConnection(this.#config, link);
    if (place.push(connection)) return;
    link.abort(CloseCode.TryAgainLater, new NetworkError('ConnectionClosed', 'the server is closing'));
    link.release();
  }
}

function ignore(): void {
  // The socket closes after an error, and that is what counts.
}

/** Whether somebody reads that socket by now. */
function isTaken(socket: Socket): boolean {
  return socket.listenerCount('data') > 0 || socket.listenerCount('readable') > 0 || socket.destroyed;
}

/** The host in an address that clients can use: a server bound to every address is also reached on this machine. */
function reachableHostOf(bound: string): string {
  if (bound === '0.0.0.0') return '127.0.0.1';
  return bound === '::' ? '::1' : bound;
}
