import { once } from 'node:events';
import type { Socket } from 'node:net';
import { until } from '@entropynet/conformance/tools';
import { encodePeerLimits, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import {
  closeOf,
  messageFrame,
  PEER_LIMITS,
  WebSocketFixtures,
  Witness,
} from '../support/web-socket/web-socket-fixtures.js';
import {
  COMPRESSED,
  deflate,
  FIRST,
  frame,
  greeted,
  handMade,
  LAST,
  NEXT,
} from '../support/web-socket/compressed-frames.js';

const KIB = 1024;

describe('WebSocket: compression of a hostile peer', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  const bomb = deflate(Buffer.alloc(20 * 1024 * KIB));

  it('ends only the connection of a bomb, which is not inflated beyond the longest frame', async () => {
    const server = await fixtures.serve({ compression: {} });
    const other = await fixtures.connect(server, { webSocket: { compression: {} } });
    const otherWitness = new Witness(await fixtures.accept(server));
    const { socket, witness } = await greeted(fixtures, server);
    const before = process.memoryUsage().arrayBuffers;
    socket.write(frame(COMPRESSED, bomb));
    await witness.ended();
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(4 * 1024 * KIB);
    expect(witness.error?.code).to.equal('InvalidMessage');
    expect(witness.error?.message).to.equal(
      `the peer sent ${bomb.length} compressed bytes that inflate to more than 262148: a message may not be longer`,
    );
    unwrap(await other.send(Uint8Array.of(1)));
    await until(() => otherWitness.messages.length === 1, 'the other connection goes on');
  });

  it('ends the connection of a message that grows by more than the ratio, and reports it to the peer', async () => {
    const server = await fixtures.serve({ compression: { maxRatio: 10 } });
    const client = fixtures.raw(server.address()!, { perMessageDeflate: true });
    await once(client, 'open');
    client.send(encodePeerLimits(PEER_LIMITS));
    const witness = new Witness(await fixtures.accept(server));
    const closed = closeOf(client);
    client.send(messageFrame('x'.repeat(20_000)));
    await witness.ended();
    expect(witness.error?.message).to.match(/inflate to more than \d+: webSocket\.compression\.maxRatio is 10$/);
    const { code, reason } = await closed;
    expect(code).to.equal(1009);
    expect(reason).to.match(/compressed bytes that inflate to more than/);
  });

  for (const [what, last] of [
    ['a fragment', NEXT],
    ['the last fragment', LAST],
  ] as const) {
    it(`reports to the peer that ${what} makes a compressed message too long`, async () => {
      const server = await fixtures.serve({ compression: {} });
      const client = fixtures.raw(server.address()!, { perMessageDeflate: true });
      await once(client, 'open');
      client.send(encodePeerLimits(PEER_LIMITS));
      const witness = new Witness(await fixtures.accept(server));
      const closed = closeOf(client);
      const { _socket: socket } = client as unknown as { readonly _socket: Socket };
      socket.write(Buffer.concat([frame(FIRST, Buffer.alloc(200 * KIB)), frame(last, Buffer.alloc(200 * KIB))]));
      await witness.ended();
      expect(witness.error?.code).to.equal('InvalidMessage');
      expect(witness.error?.message).to.equal('the peer sent a message of more than 262148 bytes');
      expect((await closed).code).to.equal(1009);
    });
  }

  it('does not affect own messages: beyond the ratio, a message is sent uncompressed', async () => {
    const webSocket = { compression: { maxRatio: 10 } };
    const server = await fixtures.serve(webSocket);
    const client = await fixtures.connect(server, { webSocket });
    const witness = new Witness(await fixtures.accept(server));
    unwrap(await client.send(new Uint8Array(200_000)));
    await until(() => witness.messages.length === 1, 'the message arrived');
    expect(witness.messages[0]!.length).to.equal(200_000);
  });

  it('is not inflated before the greeting', async () => {
    const server = await fixtures.serve({ compression: {} });
    const endAfter = async (...frames: readonly Buffer[]): Promise<void> => {
      const socket = await handMade(fixtures, server);
      const closed = once(socket, 'close');
      for (const each of frames) socket.write(each);
      await closed;
    };
    // At once, because the server waits a second for an answer to its goodbye, which these clients do not give.
    await Promise.all([
      endAfter(frame(COMPRESSED, deflate(Buffer.alloc(100 * KIB)))),
      endAfter(frame(FIRST, Buffer.alloc(900)), frame(NEXT, Buffer.alloc(900))),
    ]);
    await fixtures.connect(server);
    await fixtures.accept(server);
  });

  it('ends the connection for an invalid compressed message', async () => {
    const server = await fixtures.serve({ compression: {} });
    const small = deflate(messageFrame('x'));
    const cases: Readonly<Record<string, readonly Buffer[]>> = {
      'no deflate': [frame(COMPRESSED, Buffer.from('ffffffffffffff', 'hex'))],
      'a fragment that is compressed by itself': [frame(FIRST, small), frame(0x40, small)],
      'a last fragment that is': [frame(FIRST, small), frame(0xc0, small)],
      'a whole message between fragments': [frame(FIRST, small), frame(0x82, messageFrame('y'))],
      'another beginning between fragments': [frame(FIRST, small), frame(FIRST, small)],
      'a fragment without a beginning': [frame(LAST, small)],
      'a compressed ping': [frame(0xc9, Buffer.from('ping'))],
      'a compressed text': [frame(0xc1, deflate(Buffer.from('text')))],
      'too many fragments': [frame(FIRST, small), ...Array.from({ length: 1030 }, () => frame(NEXT, Buffer.alloc(0)))],
      'fragments that are too long together': [
        frame(FIRST, Buffer.alloc(200 * KIB)),
        frame(NEXT, Buffer.alloc(200 * KIB)),
      ],
    };
    for (const [what, bytes] of Object.entries(cases)) {
      const { socket, witness } = await greeted(fixtures, server);
      socket.write(Buffer.concat(bytes));
      await witness.ended();
      expect(witness.error?.code, what).to.equal('InvalidMessage');
      expect(witness.messages, what).to.deep.equal([]);
    }
  });
});
