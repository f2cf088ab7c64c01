import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { Capability, decodeUint32, frameHeader, FrameType, unwrap } from '@entropynet/core';
import { encodeUint32 } from '@entropynet/core/internal/wire/frame';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';
import { BARE_LIMITS, BareConnection } from '@entropynet/test/support/bare-connection';
import { until } from '@entropynet/conformance/tools';

const WINDOW = 64 * 1024;
const FRAME_COST = 64;
const { DroppedWindow, Message, WindowUpdate } = FrameType;

function returnedBy(connection: BareConnection, type: FrameType): number {
  return connection.writer.ofType(type).reduce((sum, { bytes }) => sum + decodeUint32(bytes, 0), 0);
}

describe('the window that returns to a peer', () => {
  const half = new Uint8Array(WINDOW / 2 - FRAME_COST);

  for (const [peer, capabilities, type] of [
    ['', BARE_LIMITS.capabilities ?? 0, DroppedWindow],
    [' of an earlier release', Capability.ChannelClose, WindowUpdate],
  ] as const) {
    const other = type === DroppedWindow ? WindowUpdate : DroppedWindow;
    const limits = { ...BARE_LIMITS, capabilities };

    it(`equals the spent credit if the callback of its message ends the connection to a peer${peer}`, async () => {
      const connection = new BareConnection({ channelWindow: WINDOW }, limits);
      connection.setMessageCallback(() => void connection.disconnect());
      connection.startReceiving();
      connection.feed(frameHeader(Message, 0), half);
      expect(returnedBy(connection, type)).to.equal(WINDOW / 2);
      expect(returnedBy(connection, other)).to.equal(0);
      await connection.closed;
    });

    it(`equals the spent credit if that message had waited for its callback, from a peer${peer}`, async () => {
      const connection = new BareConnection({ channelWindow: WINDOW }, limits);
      connection.startReceiving();
      connection.feed(frameHeader(Message, 0), half);
      connection.feed(frameHeader(Message, 0), half);
      connection.setMessageCallback(() => void connection.disconnect());
      await connection.closed;
      expect(returnedBy(connection, type)).to.equal(WINDOW);
      expect(returnedBy(connection, other)).to.equal(0);
    });
  }
});

describe('the window that a peer returns', () => {
  /** A connection that has spent its whole window three times; the peer returned it twice, with frames of that type. */
  function sentThrice(type: FrameType): BareConnection {
    const connection = new BareConnection();
    const message = new Uint8Array(BARE_LIMITS.channelWindow / 4 - FRAME_COST);
    for (let round = 0; round < 3; round += 1) {
      for (let count = 0; count < 4; count += 1) unwrap(connection.trySend(message));
      expect(connection.trySend(message).ok).to.equal(false);
      if (round < 2) connection.feed(frameHeader(type, 0), encodeUint32(BARE_LIMITS.channelWindow).slice());
    }
    return connection;
  }

  it('confirms messages', () => {
    expect(sentThrice(WindowUpdate).unconfirmedSends().messages).to.equal(8);
  });

  it('confirms no message if the peer dropped its frames, and serves as any other', () => {
    expect(sentThrice(DroppedWindow).unconfirmedSends().messages).to.equal(12);
  });

  it('is not more than was spent', () => {
    const connection = new BareConnection();
    let code: string | undefined;
    connection.on('state', (_state, error) => (code = error?.code));
    connection.feed(frameHeader(DroppedWindow, 0), encodeUint32(1).slice());
    expect(code).to.equal('InvalidMessage');
  });

  it('confirms messages of a connection that was disconnected before', async () => {
    const server = new LoopbackServer({ endpoint: randomUUID(), channelWindow: WINDOW });
    unwrap(await server.listen());
    const client = new LoopbackConnection({ endpoint: server.address() ?? '', channelWindow: WINDOW });
    client.setMessageCallback(() => undefined);
    unwrap(await client.connect());
    unwrap(await client.disconnect());
    unwrap(await server.accept());
    unwrap(await client.connect());
    const accepted = unwrap(await server.accept());
    accepted.startReceiving();
    for (let count = 0; count < 100; count += 1) unwrap(await accepted.send(new Uint8Array(WINDOW / 4)));
    await until(() => client.getStats().messagesReceived === 100, 'all arrived');
    expect(accepted.unconfirmedSends().messages).to.be.below(50);
    await client.disconnect();
    await server.close();
  });
});
