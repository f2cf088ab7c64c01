import { Scope, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import fc from 'fast-check';
import { RawClient, rawFrame } from '../support/web-socket/raw-web-socket.js';
import { fuzz } from './fuzz.js';

describe('fuzz: frames of a WebSocket', () => {
  const config = { endpoint: 'ws://127.0.0.1:0', sendTimeoutMs: 200, maxMessageSize: 100_000, channelWindow: 65_536 };
  const server = new WebSocketTransport().createServer(config);
  let port = 0;

  before(async () => {
    unwrap(await server.listen());
    port = Number(new URL(server.address()!).port);
  });

  after(() => server.close());

  const payload = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(new Uint8Array(70_000)));
  const frame = fc.record(
    {
      opcode: fc.oneof(fc.constantFrom(0, 1, 2, 8, 9, 10), fc.nat({ max: 15 })),
      payload,
      isFinal: fc.boolean(),
      reserved: fc.constantFrom(0, 0, 0, 4, 7),
      isMasked: fc.constantFrom(true, true, true, false),
      claimedLength: fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 63n })),
    },
    { requiredKeys: ['opcode'] },
  );
  fuzz(
    'end the connection or are accepted, and disturb no other',
    fc.array(frame, { maxLength: 12 }),
    async (frames) => {
      const scope = new Scope();
      const client = new RawClient(scope, port);
      await client.open();
      const accepted = unwrap(await within(server.accept(), 'the client was accepted'));
      let received = 0;
      accepted.setMessageCallback((data) => {
        received += data.length;
      });
      accepted.on('error', () => undefined);
      accepted.startReceiving();
      for (const each of frames) client.write(rawFrame(each));
      client.socket.end();
      // The peer has ended its direction, so the connection ends in any case.
      await until(() => !accepted.isConnected(), 'the connection has ended');
      expect(received).to.be.at.most(2_000_000);
      await accepted.disconnect();
      await scope.dispose();
    },
  );
});
