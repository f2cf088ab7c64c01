import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import {
  type AcceptPlace,
  type AcceptQueue,
  type NetworkConnection,
  NetworkError,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import { type WebSocket, WebSocketServer } from '#ws';
import { type AgreedCompression, agreedCompression, negotiationOptions } from './compression.js';
import { clearTimeout, setImmediate, setTimeout } from './platform-timers.js';
import { asksForProtocol, checkAuthentication, checkHeaders } from './upgrade-gate.js';
import { refuseUpgrade } from './upgrade-router.js';
import { WebSocketConnection } from './web-socket-connection.js';
import { type LinkFacts, WebSocketLink } from './web-socket-link.js';
import { CloseCode, SOCKET_OPTIONS, SUBPROTOCOL } from '../protocol/web-socket-protocol.js';

/** How the header of an answer begins that tells what was agreed beside the protocol. */
const EXTENSIONS = 'Sec-WebSocket-Extensions: ';

/** Turns the upgrade requests of a server into connections, as long as there are places; the queue gets each that has greeted. */
export class HandshakeDesk {
  readonly #config: ResolvedConnectionConfig;
  readonly #accepted: AcceptQueue<NetworkConnection>;
  /** Sockets from their upgrade request until they are closed: what `maxConnections` counts. */
  readonly #sockets = new Set<Socket>();
  /** Those that no connection stands for yet, and what gives each up. */
  readonly #handshakes = new Map<Socket, AbortController>();
  readonly #upgrader: WebSocketServer;
  /** What was agreed with the clients whose upgrade is being answered. */
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

  /** Gives up every handshake that is under way, because the server closes. */
  giveUp(): void {
    for (const [socket, controller] of this.#handshakes) {
      controller.abort(new NetworkError('ConnectionClosed', 'the server is closing'));
      socket.destroy();
    }
  }

  /**
   * Takes an upgrade request: its socket becomes a connection of the queue, or gets an answer that refuses it.
   * @param isAlone whether no other listener may have meant the request for itself
   */
  readonly take = (request: IncomingMessage, stream: object, head: Buffer, isAlone: boolean): void => {
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
      this.#forget(socket);
    });
    void this.#admit(request, socket, head, controller);
  };

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#handshakes.delete(socket);
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
      this.#forget(socket);
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
        // The client may never answer the close. Its socket ends after the time of an unfinished handshake.
        const timer = setTimeout(() => {
          webSocket.terminate();
        }, this.#config.webSocket.handshakeTimeoutMs);
        webSocket.once('close', () => {
          clearTimeout(timer);
        });
      });
    } catch {
      // Another `upgrade` listener of the user's server has taken this request: the socket is no longer ours.
      this.#forget(socket);
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
      // A process that was busy until now may have the greeting in the socket: it is read before this runs.
      setImmediate(() => {
        controller.abort(new NetworkError('Timeout', `no greeting within ${limitMs} ms`));
      });
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
