import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Scope, until } from '@entropynet/conformance/tools';
import {
  type ConnectionConfig,
  encodePeerLimits,
  type NetworkConnection,
  type NetworkError,
  type PeerLimits,
  unwrap,
} from '@entropynet/core';
import { SUBPROTOCOL, WebSocketConnection, WebSocketConnectionServer } from '@entropynet/transport-ws';
import { type ClientOptions, WebSocket } from 'ws';

/** The limits that raw peers announce. */
export const PEER_LIMITS: PeerLimits = { maxMessageSize: 1024 * 1024, channelWindow: 1024 * 1024, maxChannels: 16 };

/** Everything that a connection reports, in order. */
export class Witness {
  readonly messages: Uint8Array[] = [];
  readonly states: string[] = [];
  error: NetworkError | undefined;

  constructor(readonly connection: NetworkConnection) {
    connection.setStateCallback((state, error) => {
      this.states.push(state);
      this.error = error;
    });
    connection.setMessageCallback((data) => this.messages.push(data));
    connection.startReceiving();
  }

  /** The messages as text. */
  get texts(): string[] {
    return this.messages.map((message) => new TextDecoder().decode(message));
  }

  async ended(): Promise<void> {
    await until(() => ['disconnected', 'failed'].includes(this.states.at(-1) ?? ''), 'the connection ended');
  }
}

/** Creates the resources of a test, and releases them in reverse order. */
export class WebSocketFixtures extends Scope {
  readonly #servers: WebSocketConnectionServer[] = [];

  override async dispose(): Promise<void> {
    // Servers end first: the goodbye of a client would wait for a connection without an accept, which does not read.
    for (const server of this.#servers.splice(0)) await server.close();
    await super.dispose();
  }

  /** A server that listens, by default on a free port. */
  async serve(
    webSocket: ConnectionConfig['webSocket'] = {},
    endpoint = 'ws://127.0.0.1:0/test',
  ): Promise<WebSocketConnectionServer> {
    const server = new WebSocketConnectionServer({ endpoint, webSocket });
    this.#servers.push(server);
    unwrap(await server.listen());
    return server;
  }

  /** An HTTP server of the program, on a free port. */
  async httpServer(): Promise<Server> {
    const server = createServer((_request, response) => response.end('the page'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.defer(() => {
      server.close();
      server.closeAllConnections();
    });
    return server;
  }

  client(endpoint: string, config: Partial<ConnectionConfig> = {}): WebSocketConnection {
    const connection = new WebSocketConnection({ endpoint, ...config });
    this.defer(() => connection.disconnect());
    return connection;
  }

  async connect(
    server: WebSocketConnectionServer,
    config: Partial<ConnectionConfig> = {},
  ): Promise<WebSocketConnection> {
    const connection = this.client(server.address() ?? '', config);
    unwrap(await connection.connect());
    return connection;
  }

  async accept(server: WebSocketConnectionServer): Promise<NetworkConnection> {
    const connection = unwrap(await server.accept());
    this.defer(() => connection.disconnect());
    return connection;
  }

  /** A plain client of `ws`, which has requested the upgrade. */
  raw(address: string, options: ClientOptions & { protocols?: string[] } = {}): WebSocket {
    const webSocket = new WebSocket(address, options.protocols ?? [SUBPROTOCOL], {
      perMessageDeflate: false,
      ...options,
    });
    webSocket.on('error', () => undefined);
    this.defer(() => {
      webSocket.terminate();
    });
    return webSocket;
  }

  /** A plain client of `ws` that has greeted. */
  async rawPeer(address: string): Promise<WebSocket> {
    const webSocket = this.raw(address);
    await once(webSocket, 'open');
    webSocket.send(encodePeerLimits(PEER_LIMITS));
    return webSocket;
  }

  /** A TCP connection to the host and port of an address. */
  async tcp(address: string): Promise<Socket> {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    this.defer(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }
}

/** The HTTP status of the refusal that a client of `ws` gets. */
export async function refusalOf(webSocket: WebSocket): Promise<number> {
  const [, response] = (await once(webSocket, 'unexpected-response')) as [
    unknown,
    { statusCode: number; resume(): void },
  ];
  response.resume();
  return response.statusCode;
}

/** The close code and reason that a client of `ws` sees. */
export async function closeOf(webSocket: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = (await once(webSocket, 'close')) as [number, Buffer];
  return { code, reason: reason.toString() };
}

/** An upgrade request as text. */
export function upgradeRequest(path: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
    '\r\n',
  ].join('\r\n');
}

/** A short binary message of a client on the wire. */
export function clientMessage(bytes: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(0x82, 0x80 | bytes.length, 0, 0, 0, 0), bytes]);
}

/** A whole message of the default channel, as a frame. */
export function messageFrame(text: string): Buffer {
  return Buffer.concat([Buffer.alloc(4), Buffer.from(text)]);
}
