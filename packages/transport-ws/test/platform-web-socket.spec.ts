import { codeOf, type Scope, scoped } from '@entropynet/conformance/tools';
import { NetworkError, type NetworkErrorCode, unwrap } from '@entropynet/core';
import { WebSocketTransport as NodeTransport } from '@entropynet/transport-ws';
import { WebSocketConnection, WebSocketTransport } from '@entropynet/transport-ws/browser';
import { newPlatformWebSocket } from '@entropynet/transport-ws/internal/browser/platform-web-socket';
import { closeErrorOf } from '@entropynet/transport-ws/internal/protocol/web-socket-errors';
import {
  applicationCodeOf,
  CloseCode,
  SUBPROTOCOL,
} from '@entropynet/transport-ws/internal/protocol/web-socket-protocol';
import { expect } from 'chai';
import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { freshName } from '@entropynet/test/support/fresh-name';
import { PlatformWebSocketTransport } from '@entropynet/test/support/platform-web-socket-transport';

const transport = new PlatformWebSocketTransport();

async function listen(scope: Scope, allowedOrigins?: readonly string[]): Promise<string> {
  const endpoint = `ws://127.0.0.1:0/${freshName()}`;
  const config = {
    endpoint,
    ...(allowedOrigins !== undefined && { webSocket: { allowedOrigins: [...allowedOrigins] } }),
  };
  const server = scope.add(new NodeTransport().createServer(config));
  unwrap(await server.listen());
  return server.address() ?? '';
}

/** A WebSocket server that is none of ours. */
async function stranger(scope: Scope, protocol: string | false): Promise<string> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => protocol });
  scope.defer(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/**
 * Returns the code for a server that chooses none of the client's subprotocols: a platform opens the WebSocket to it, or
 * refuses it without a reason.
 */
function codeWithoutSubprotocol(endpoint: string): Promise<NetworkErrorCode> {
  const webSocket = newPlatformWebSocket(endpoint, SUBPROTOCOL);
  return new Promise((resolve) => {
    webSocket?.addEventListener('open', () => {
      webSocket.close();
      resolve('HandshakeFailed');
    });
    webSocket?.addEventListener('error', () => undefined);
    webSocket?.addEventListener('close', () => {
      resolve('TransportUnavailable');
    });
  });
}

describe('the client for pages', () => {
  it("refuses and names the options that a page can't use", () => {
    const cases = [
      [{ headers: { authorization: 'x' } }, "'webSocket.headers' was given authorization: a page can't set it"],
      [{ tls: { rejectUnauthorized: false } }, "'webSocket.tls' was given "],
      [{ agent: { addRequest: () => undefined } }, "'webSocket.agent' was given an object: a page can't set it"],
      [{ createConnection: () => ({}) }, "'webSocket.createConnection' was given a function"],
      [{ lookup: () => undefined }, "'webSocket.lookup' was given a function"],
    ] as const;
    for (const [webSocket, message] of cases) {
      expect(() => new WebSocketConnection({ endpoint: 'ws://127.0.0.1:1/', webSocket }))
        .to.throw(NetworkError, message)
        .with.property('code', 'InvalidParameter');
    }
  });

  it("can't listen, and reports it", () => {
    expect(() => new WebSocketTransport().createServer())
      .to.throw(NetworkError, "a page can't listen")
      .with.property('code', 'NotSupported');
  });

  it(
    'probes an existing server and a missing one',
    scoped(async (scope) => {
      const endpoint = await listen(scope);
      expect(await transport.probe({ endpoint })).to.deep.equal({ available: true });
      const absent = await transport.probe({ endpoint: 'ws://127.0.0.1:9/' });
      expect(absent).to.include({ available: false });
      expect(await transport.probe({ endpoint: 'ftp://x' })).to.include({ available: false });
    }),
  );

  it(
    'names the possible causes that a browser hides from a page',
    scoped(async (scope) => {
      const endpoint = await listen(scope);
      const refused = await transport.createConnection({ endpoint: endpoint.replace(/[^/]*$/, 'elsewhere') }).connect();
      expect(refused.ok ? 'ok' : refused.error).to.include({ code: 'TransportUnavailable' });
      expect(refused.ok ? '' : refused.error.message).to.contain('webSocket.allowedOrigins');
    }),
  );

  for (const [what, protocol] of [
    ['no subprotocol', false],
    ['our subprotocol, and never greets', SUBPROTOCOL],
  ] as const) {
    it(
      `leaves a server that speaks ${what}`,
      scoped(async (scope) => {
        const endpoint = await stranger(scope, protocol);
        const code = protocol === false ? await codeWithoutSubprotocol(endpoint) : 'Timeout';
        const connection = transport.createConnection({ endpoint, connectTimeoutMs: 300 });
        expect(codeOf(await connection.connect())).to.equal(code);
        expect(connection.getState()).to.equal('failed');
      }),
    );
  }

  it('sends codes that a page may send, and every side knows what they mean', () => {
    for (const code of Object.values(CloseCode)) {
      const sent = applicationCodeOf(code);
      expect(sent === 1000 || (sent >= 3000 && sent < 5000), String(sent)).to.equal(true);
      if (code === CloseCode.Abnormal) continue;
      expect(closeErrorOf(sent, 'x')?.code).to.equal(closeErrorOf(code, 'x')?.code);
    }
    expect(closeErrorOf(4002, 'x')).to.include({ code: 'InvalidMessage' });
    expect(closeErrorOf(4500, 'x')).to.include({ code: 'ConnectionClosed' });
  });
});
