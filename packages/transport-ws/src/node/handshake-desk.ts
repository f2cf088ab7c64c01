import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import {
  type AcceptPlace,
  type AcceptQueue,
  type NetworkConnection,
  NetworkError,
  redactEndpoint,
  type ResolvedConnectionConfig,
  Roster,
  shortageOf,
  WarningLimiter,
} from '@entropynet/core';
import { startLimit } from '@entropynet/core/platform';
import { type WebSocket, WebSocketServer } from '#ws';
import { type AgreedCompression, agreedCompression, negotiationOptions } from './compression.js';
import { clearTimeout, setTimeout } from './platform-timers.js';
import { asksForProtocol, checkAuthentication, checkHeaders } from './upgrade-gate.js';
import { refuseUpgrade } from './upgrade-router.js';
import { WebSocketConnection } from './web-socket-connection.js';
import { type LinkFacts, WebSocketLink } from './web-socket-link.js';
import { reasonOf } from '../protocol/web-socket-errors.js';
import { CloseCode, SOCKET_OPTIONS, SUBPROTOCOL } from '../protocol/web-socket-protocol.js';

/** The beginning of the header with the agreed extensions. */
const EXTENSIONS = 'Sec-WebSocket-Extensions: ';

/**
 * Turns the upgrade requests of a server into connections, up to its limit. The queue gets each connection after the
 * greetings.
 */
export class HandshakeDesk {
  readonly #config: ResolvedConnectionConfig;
  readonly #accepted: AcceptQueue<NetworkConnection>;
  /** The sockets from their upgrade request until they close. `maxConnections` counts them. */
  readonly #sockets = new Roster<Socket>();
  /** The sockets without a connection yet. */
  readonly #handshakes = new Roster<Socket>();
  /** The controller that ends the handshake of a socket. */
  readonly #controllers = new WeakMap<Socket, AbortController>();
  readonly #upgrader: WebSocketServer;
  readonly #warnings = new WarningLimiter();
  /** The agreed compression of the clients whose upgrade is being answered. */
  readonly #compressions = new WeakMap<IncomingMessage, AgreedCompression>();

  constructor(config: ResolvedConnectionConfig, accepted: AcceptQueue<NetworkConnection>) {
    this.#config = config;
    this.#accepted = accepted;
    const { compression, responseHeaders } = config.webSocket;
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

  /** Ends every handshake, because the server closes. */
  giveUp(): void {
    for (const socket of this.#handshakes) {
      this.#controllers.get(socket)?.abort(new NetworkError('ConnectionClosed', 'the server is closing'));
      socket.destroy();
    }
  }

  /**
   * Takes an upgrade request: its socket becomes a connection of the queue, or gets an answer that refuses it.
   * @param isAlone whether no other listener could answer the request
   */
  readonly take = (request: IncomingMessage, stream: object, head: Buffer, isAlone: boolean): void => {
    const socket = stream as Socket;
    const { webSocket } = this.#config;
    // The program passed the request twice. A second handshake would fail, and end the count of the socket.
    if (this.#sockets.has(socket)) return;
    // Another listener of the user's server implements that protocol, or has taken the socket. This server must not
    // answer.
    if (!isAlone && (!asksForProtocol(request) || isTaken(socket))) return;
    // The socket ended while the program was routing the request. Its 'close', which releases a place, does not come
    // again.
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
    this.#handshakes.add(socket);
    this.#controllers.set(socket, controller);
    // Until `ws` listens, an error of the socket would have no listener.
    socket.on('error', ignore);
    socket.once('close', () => {
      this.#forget(socket);
    });
    void this.#admit(request, socket, head, controller);
  };

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#handshakes.delete(socket);
    this.#controllers.delete(socket);
  }

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
    const place = this.#accepted.admitInsteadOf(isAbandoned, end);
    if (!place.ok) {
      this.#turnAway(request, socket, head);
      return;
    }
    // A handshake that does not become a connection ends with this event.
    socket.once('close', () => {
      place.value.release();
    });
    try {
      this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
        const admitted = { ...identity, request: { url: request.url ?? '', headers: request.headers } };
        const facts = { admitted, compression: this.#compressions.get(request) };
        this.#greet(webSocket, socket, controller, facts, place.value).catch((error: unknown) => {
          this.#giveUpOn(webSocket, error);
        });
      });
    } catch (error) {
      this.#notUpgraded(socket, error);
      place.value.release();
    }
  }

  /** A client for which there is no memory, for example, must not end the process: a rejection without a handler does. */
  #giveUpOn(webSocket: WebSocket, error: unknown): void {
    this.#warn(error);
    webSocket.on('error', ignore);
    // The end of the socket releases its place.
    webSocket.terminate();
  }

  /** Handles an exception of `ws` during the upgrade of a socket. */
  #notUpgraded(socket: Socket, error: unknown): void {
    this.#forget(socket);
    // Another `upgrade` listener of the user's server has taken this request: the socket does not belong to this server.
    if (isTaken(socket)) return;
    this.#warn(error);
    socket.destroy();
  }

  #warn(error: unknown): void {
    const endpoint = redactEndpoint(this.#config.endpoint);
    this.#warnings.warn(
      `EntropyNet server '${endpoint}' can't take a client: ${shortageOf(error) ?? reasonOf(error)}; its connection ends`,
    );
  }

  /** Refuses a client with a close code. A page sees no HTTP status, and must learn that the server is full. */
  #turnAway(request: IncomingMessage, socket: Socket, head: Buffer): void {
    try {
      this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('error', ignore);
        webSocket.close(CloseCode.TryAgainLater, 'too many connections');
        // The client may never answer the close frame. The timer ends its socket after the time limit of a handshake.
        const timer = setTimeout(() => {
          webSocket.terminate();
        }, this.#config.webSocket.handshakeTimeoutMs);
        webSocket.once('close', () => {
          clearTimeout(timer);
        });
      });
    } catch (error) {
      this.#notUpgraded(socket, error);
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
    const stopLimit = startLimit(() => {
      controller.abort(new NetworkError('Timeout', `no greeting within ${limitMs} ms (webSocket.handshakeTimeoutMs)`));
    }, limitMs);
    const link = new WebSocketLink(webSocket, socket, 'none', this.#config, facts);
    const greeted = await link.greet(controller.signal);
    stopLimit();
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

/** Whether a client left before the server accepted it, and left no message. */
function isAbandoned(connection: NetworkConnection): boolean {
  return connection instanceof WebSocketConnection && connection.isAbandoned;
}

function end(connection: NetworkConnection): void {
  void connection.disconnect();
}

function ignore(): void {
  // The socket closes after an error, and the listener of 'close' handles that.
}

/** Whether a listener reads the socket now. */
function isTaken(socket: Socket): boolean {
  return socket.listenerCount('data') > 0 || socket.listenerCount('readable') > 0 || socket.destroyed;
}
