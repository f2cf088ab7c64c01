import type { ConnectionServer, ServerConfig } from '@entropynet/core';
import { WebSocketTransport as NodeTransport } from '@entropynet/transport-ws';
import { WebSocketTransport } from '@entropynet/transport-ws/browser';
import { WebSocket } from 'undici';

// The class that Node.js contains from version 22 on. It comes from undici.
(globalThis as { WebSocket?: unknown }).WebSocket ??= WebSocket;

/** The client for pages. Everything else is from the transport for Node.js. */
export class PlatformWebSocketTransport extends WebSocketTransport {
  readonly #forServers = new NodeTransport();

  override createServer(config?: ServerConfig): ConnectionServer {
    return this.#forServers.createServer(config as ServerConfig);
  }
}
