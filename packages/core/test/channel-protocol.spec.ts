import { expect } from 'chai';
import { Capability, channelIdOf, frameHeader, FrameType, unwrap } from '@entropynet/core';
import { BARE_LIMITS, BareConnection } from '@entropynet/test/support/bare-connection';

const NAME = new TextEncoder().encode('x');
const { ChannelOpen, ChannelClose, ChannelClosed, ChannelRefuse, Fragment, Message, MessageStart } = FrameType;

/** A connection, and the code with which it has failed. */
function observed(connection = new BareConnection()): {
  connection: BareConnection;
  failure: () => string | undefined;
} {
  let code: string | undefined;
  connection.on('state', (_state, error) => (code = error?.code));
  return { connection, failure: () => code };
}

describe('frames about channels from a peer', () => {
  const violations: Readonly<Record<string, (connection: BareConnection) => void>> = {
    'closes an id that it never opened': (peer) => {
      peer.feed(frameHeader(ChannelClose, 5));
    },
    'closes the default channel': (peer) => {
      peer.feed(frameHeader(ChannelClose, 0));
    },
    'closes twice': (peer) => {
      peer.feed(frameHeader(ChannelOpen, 1), NAME);
      peer.feed(frameHeader(ChannelClose, 1));
      peer.feed(frameHeader(ChannelClose, 1));
    },
    'opens an id that is in use': (peer) => {
      peer.feed(frameHeader(ChannelOpen, 1), NAME);
      peer.feed(frameHeader(ChannelOpen, 1), new TextEncoder().encode('y'));
    },
    'opens a name again before its channel is over': (peer) => {
      peer.feed(frameHeader(ChannelOpen, 1), NAME);
      peer.feed(frameHeader(ChannelClose, 1));
      peer.feed(frameHeader(ChannelOpen, 1), NAME);
    },
    'sends on an id that it closed': (peer) => {
      peer.feed(frameHeader(ChannelOpen, 1), NAME);
      peer.feed(frameHeader(ChannelClose, 1));
      peer.feed(frameHeader(Message, 1), NAME);
    },
    'acknowledges what was not closed': (peer) => {
      peer.feed(frameHeader(ChannelOpen, 1), NAME);
      peer.feed(frameHeader(ChannelClosed, 1));
    },
    'uses an id beyond the highest one': (peer) => {
      for (let id = 1; id <= 65_536; id += 1) {
        peer.writer.frames.length = 0;
        peer.feed(frameHeader(ChannelOpen, id), new TextEncoder().encode(`n${id}`));
      }
    },
    'sends a fragment without bytes': (peer) => {
      peer.setMessageCallback(() => undefined);
      peer.feed(frameHeader(MessageStart, 0), Uint8Array.of(9, 0, 0, 0));
      peer.feed(frameHeader(Fragment, 0));
    },
  };
  for (const [what, misbehave] of Object.entries(violations)) {
    it(`ends the connection with InvalidMessage where it ${what}`, () => {
      const { connection, failure } = observed();
      misbehave(connection);
      expect(failure()).to.equal('InvalidMessage');
    });
  }

  it('is not a close from a peer without that capability, which gets no close either', async () => {
    const old = { ...BARE_LIMITS, capabilities: 0 };
    const { connection, failure } = observed(new BareConnection({}, old));
    unwrap(await connection.openChannel('x'));
    const outcome = await connection.closeChannel('x');
    expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('NotSupported');
    expect(connection.isChannelOpen('x')).to.equal(true);
    expect(connection.writer.ofType(ChannelClose)).to.deep.equal([]);
    connection.feed(frameHeader(ChannelOpen, 1), NAME);
    connection.feed(frameHeader(ChannelClose, 1));
    expect(failure()).to.equal('InvalidMessage');
    expect(Capability.ChannelClose).to.equal(2);
  });

  it('frees the id of a channel that the peer refuses while its last messages wait before the close', async () => {
    const { connection } = observed(new BareConnection({ maxChannels: 1 }));
    unwrap(await connection.openChannel('x'));
    // It waits for the window of the peer.
    const sent = connection.sendOnChannel('x', new Uint8Array(100_000));
    const closed = connection.closeChannel('x');
    connection.feed(frameHeader(ChannelRefuse, 1));
    expect(connection.writer.ofType(ChannelClose)).to.have.lengthOf(1);
    connection.feed(frameHeader(ChannelClosed, 1));
    unwrap(await closed);
    expect((await sent).ok).to.equal(false);
    unwrap(await connection.openChannel('y'));
  });

  it('[STATISTICS-3] leaves every accepted message of a refused channel unconfirmed, also one that waits', async () => {
    const { connection } = observed(new BareConnection());
    unwrap(await connection.openChannel('x'));
    unwrap(connection.trySendOnChannel('x', new Uint8Array(100)));
    // Its rest waits for the window of the peer.
    unwrap(connection.trySendOnChannel('x', new Uint8Array(200_000)));
    const sent = connection.sendOnChannel('x', new Uint8Array(1));
    connection.feed(frameHeader(ChannelRefuse, 1));
    expect((await sent).ok).to.equal(false);
    expect(connection.unconfirmedSends()).to.deep.equal({ messages: 2, bytes: 200_100 });
    connection.end();
    expect(connection.unconfirmedSends()).to.deep.equal({ messages: 2, bytes: 200_100 });
  });

  it('limits memory: too many unwritten answers end the connection with ResourceLimitExceeded', () => {
    const { connection, failure } = observed(new BareConnection({ maxChannels: 4 }));
    connection.writer.room = 0;
    let id = 0;
    while (failure() === undefined && id < 10_000) {
      id += 1;
      connection.feed(frameHeader(ChannelOpen, id), new TextEncoder().encode(`n${id}`));
    }
    expect(failure()).to.equal('ResourceLimitExceeded');
    // 4 are opened, and so many answers may wait.
    expect(id).to.equal(4 * 4 + 64 + 1);
  });

  it('limits memory: a peer opens no more channels during the goodbye of this side than before', async () => {
    const { connection, failure } = observed(new BareConnection({ maxChannels: 4 }));
    const leaving = connection.disconnect();
    for (let id = 1; id <= 6; id += 1)
      connection.feed(frameHeader(ChannelOpen, id), new TextEncoder().encode(`n${id}`));
    const refused = connection.writer.ofType(ChannelRefuse).map(({ header }) => channelIdOf(header));
    expect(refused).to.deep.equal([5, 6]);
    // A closed channel makes room.
    connection.feed(frameHeader(ChannelClose, 1));
    connection.feed(frameHeader(ChannelOpen, 1), new TextEncoder().encode('n7'));
    expect(connection.writer.ofType(ChannelRefuse)).to.have.lengthOf(2);
    unwrap(await leaving);
    expect(failure()).to.equal(undefined);
  });

  it('limits memory: unread messages of closed channels have a limit, and reading makes room', async () => {
    const { connection, failure } = observed(new BareConnection({ maxChannels: 2, channelWindow: 65_536 }));
    const payload = new Uint8Array(30_000);
    const cycle = (round: number): string => {
      const refusals = connection.writer.ofType(ChannelRefuse).length;
      connection.feed(frameHeader(ChannelOpen, 1), new TextEncoder().encode(`n${round}`));
      if (connection.writer.ofType(ChannelRefuse).length > refusals) {
        connection.feed(frameHeader(ChannelClose, 1));
        return 'refused';
      }
      connection.feed(frameHeader(Message, 1), payload);
      connection.feed(frameHeader(Message, 1), payload);
      connection.feed(frameHeader(ChannelClose, 1));
      connection.feed(frameHeader(ChannelClosed, 1));
      return 'opened';
    };
    const outcomes = [1, 2, 3, 4, 5].map(cycle);
    expect(outcomes).to.deep.equal(['opened', 'opened', 'opened', 'refused', 'refused']);
    let read = 0;
    for (const name of ['n1', 'n2', 'n3']) connection.setChannelMessageCallback(name, () => (read += 1));
    await Promise.resolve();
    await Promise.resolve();
    expect(read).to.equal(6);
    expect(cycle(6)).to.equal('opened');
    expect(failure()).to.equal(undefined);
  });

  it('delivers no waiting message after a violation', async () => {
    const { connection, failure } = observed();
    connection.feed(frameHeader(Message, 0), Uint8Array.of(1));
    connection.feed(frameHeader(Fragment, 0), Uint8Array.of(2));
    connection.feed(frameHeader(Message, 0), Uint8Array.of(3));
    const got: number[] = [];
    connection.setMessageCallback((data) => got.push(data[0] ?? -1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).to.deep.equal([1]);
    expect(failure()).to.equal('InvalidMessage');
  });
});

describe('opening a channel again', () => {
  it('[ERROR-1] fails at once if the connection ended while the channel was closing', async () => {
    const connection = new BareConnection({ sendTimeoutMs: 50 });
    unwrap(await connection.openChannel('x'));
    const closed = connection.closeChannel('x');
    connection.end();
    const outcomes = [await closed, await connection.openChannel('x')];
    expect(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))).to.deep.equal([
      'ConnectionClosed',
      'ConnectionClosed',
    ]);
  });
});

describe('messages that wait to be sent', () => {
  it('are not overtaken by small messages of another channel while they wait for room', async () => {
    const connection = new BareConnection();
    unwrap(await connection.openChannel('bulk'));
    connection.writer.room = 0;
    const sent = connection.sendOnChannel('bulk', new Uint8Array(20_000));
    connection.writer.room = 1;
    const outcome = connection.trySend(new Uint8Array(1));
    expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('WouldBlock');
    connection.makeRoom(1);
    unwrap(await sent);
  });

  it('do not lose their turn if the transport takes one frame at a time', async () => {
    const connection = new BareConnection();
    const names = ['a', 'b', 'c'];
    for (const name of names) unwrap(await connection.openChannel(name));
    connection.writer.room = 0;
    const sends = names.flatMap((name) => [1, 2].map(() => connection.sendOnChannel(name, new Uint8Array(8))));
    connection.writer.frames.length = 0;
    for (let turn = 0; turn < sends.length; turn += 1) connection.makeRoom(1);
    for (const result of await Promise.all(sends)) unwrap(result);
    expect(connection.writer.frames.map(({ header }) => header >>> 8)).to.deep.equal([1, 2, 3, 1, 2, 3]);
  });

  it('count once if the link ends inside their write', async () => {
    const connection = new BareConnection({ sendQueueBytes: 1000 });
    connection.writer.room = 0;
    const sent = connection.send(new Uint8Array(500));
    const { writer } = connection;
    const tryWrite = writer.tryWrite.bind(writer);
    writer.tryWrite = (...frame) => {
      connection.end();
      return tryWrite(...frame);
    };
    connection.makeRoom();
    const outcome = await sent;
    expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('ConnectionClosed');
    expect(connection.getStats().messagesSent).to.equal(0);
  });

  it('is an error for an empty batch and an old claim on an ended connection', () => {
    const connection = new BareConnection();
    const claim = unwrap(connection.claim(4));
    connection.end();
    const outcomes = [connection.trySendBatch([]), claim.commit()];
    expect(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))).to.deep.equal([
      'ConnectionClosed',
      'ConnectionClosed',
    ]);
  });
});
