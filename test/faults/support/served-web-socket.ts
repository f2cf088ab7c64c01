import type { Scope } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { expectServing } from './processes.js';
import { webSocketFixture } from '../../support/web-socket-fixture.js';

/** A WebSocket server of this process. */
export interface Served {
  readonly port: number;
  /** The next connection that the server accepts. */
  accept(): Promise<NetworkConnection>;
  /** Shows that others are served. */
  expectServing(): Promise<void>;
}

/** Starts a server that gives up on a slow handshake soon. */
export async function serve(scope: Scope, webSocket: object = {}): Promise<Served> {
  const config = {
    endpoint: 'ws://127.0.0.1:0',
    sendTimeoutMs: 300,
    webSocket: { handshakeTimeoutMs: 300, ...webSocket },
  };
  const server = scope.add(new WebSocketTransport().createServer(config));
  unwrap(await server.listen());
  const endpoint = server.address()!;
  return {
    port: Number(new URL(endpoint).port),
    accept: async () => scope.add(unwrap(await server.accept())),
    expectServing: () => expectServing(scope, webSocketFixture, { endpoint }, () => server.accept()),
  };
}

/** The text in UTF-8. */
export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
/** The given number of zero bytes. */
export const binary = (length: number): Uint8Array => new Uint8Array(length);
