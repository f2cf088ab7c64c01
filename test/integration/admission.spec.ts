import { once } from 'node:events';
import { scoped, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { SUBPROTOCOL, WebSocketConnectionServer } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import { counted } from '../support/counted-admissions.js';
import { freshName } from '../support/fresh-name.js';

/** A client that upgrades and sends no greeting. */
async function silent(address: string): Promise<WebSocket> {
  const client = new WebSocket(address, SUBPROTOCOL);
  await once(client, 'open');
  return client;
}

describe('the slots of clients during a WebSocket handshake', () => {
  const endpoint = `ws://127.0.0.1:0/${freshName()}`;

  it(
    'become free when the client leaves, breaks the protocol or sends nothing',
    scoped(async (scope) => {
      const count = counted();
      const webSocket = { handshakeTimeoutMs: 500 };
      const server = scope.add(new WebSocketConnectionServer({ endpoint, admit: count.admit, webSocket }));
      unwrap(await server.listen());
      const address = server.address()!;
      const gone = await silent(address);
      expect(count.taken).to.equal(1);
      gone.terminate();
      await until(() => count.taken === 0, 'the place of the client that went came back');
      const wrong = await silent(address);
      wrong.send(Buffer.from('hello'));
      await once(wrong, 'close');
      await until(() => count.taken === 0, 'the place of the client that broke the protocol came back');
      const quiet = await silent(address);
      await once(quiet, 'close');
      await until(() => count.taken === 0, 'the place of the silent client came back');
      expect(count.asked).to.equal(3);
    }),
  );

  it(
    'become free when the server closes, and are not used by a refused client',
    scoped(async (scope) => {
      const count = counted();
      let isLetIn = false;
      const webSocket = { authenticate: () => isLetIn };
      const server = scope.add(new WebSocketConnectionServer({ endpoint, admit: count.admit, webSocket }));
      unwrap(await server.listen());
      const refused = new WebSocket(server.address()!, SUBPROTOCOL);
      const [error] = (await once(refused, 'error')) as [Error];
      expect(error.message).to.contain('401');
      expect(count.asked).to.equal(0);
      isLetIn = true;
      await silent(server.address()!);
      expect(count.taken).to.equal(1);
      await server.close();
      await until(() => count.taken === 0, 'the place came back');
    }),
  );
});
