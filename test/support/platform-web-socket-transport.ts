import type { ConnectionServer, ServerConfig } from '@entropynet/core';
import { WebSocketTransport as NodeTransport } from '@entropynet/transport-ws';
import { WebSocketTransport } from '@entropynet/transport-ws/browser';
import { WebSocket } from 'undici';

// What Node.js has built in from version 22 on; undici is where it comes from.
(globalThis as { WebSocket?: unknown }).WebSocket ??= WebSocket;

/** The client for pages; what a page can't do is left to the transport of Node.js. */
export class PlatformWebSocketTransport extends WebSocketTransport {
  readonly #forServers = new NodeTransport();

  override createServer(config?: ServerConfig): ConnectionServer {
    return this.#forServers.createServer(config as ServerConfig);
  }
}
