import { failureOf, until } from '@entropynet/conformance/tools';
import {
  type Connection,
  type FrameLink,
  FrameType,
  frameTypeOf,
  NetworkError,
  ok,
  type Result,
  unwrap,
} from '@entropynet/core';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';
import { LoopbackPipe } from '@entropynet/core/internal/testing/loopback-pipe';
import { unhandledDuring } from '@entropynet/test/support/unhandled';
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';

/** Its first link is found broken when so many frames were written. */
class BreakingConnection extends LoopbackConnection {
  framesLeft = 2;

  protected override async doConnect(): Promise<Result<FrameLink>> {
    const made = await super.doConnect();
    if (made.ok && this.framesLeft > 0) {
      const { writer } = made.value;
      const tryWrite = writer.tryWrite.bind(writer);
      writer.tryWrite = (header, bytes, start, end) => {
        this.framesLeft -= 1;
        if (this.framesLeft > 0) return tryWrite(header, bytes, start, end);
        this.onStateChanged('failed', new NetworkError('PeerDied', 'the link is broken'));
        return true;
      };
    }
    return made;
  }
}

describe('a link that breaks during a long message', () => {
  it('leaves nothing of the message for the next link', async () => {
    const server = new LoopbackServer({ endpoint: randomUUID() });
    unwrap(await server.listen());
    const client = new BreakingConnection({ endpoint: server.address()! });
    unwrap(await client.connect());
    unwrap(await server.accept());
    const sent = client.trySend(new Uint8Array(800_000));
    expect(client.getState()).to.equal('failed');
    expect(sent.ok ? 'ok' : sent.error.code).to.equal('ConnectionClosed');
    unwrap(await client.connect());
    const accepted = unwrap(await server.accept());
    const received: string[] = [];
    const errors: string[] = [];
    accepted.setMessageCallback((data) => received.push(Buffer.from(data).toString()));
    accepted.on('state', (state, error) => errors.push(`${state} ${error?.message ?? ''}`));
    accepted.startReceiving();
    unwrap(await client.openChannel('x'));
    unwrap(await client.send(Buffer.from('next')));
    await until(() => received.length + errors.length > 0, 'the message came');
    expect(errors).to.deep.equal([]);
    expect(received).to.deep.equal(['next']);
    await client.disconnect();
    await server.close();
  });
});

/** Its link is found broken when a frame of this type is written. */
class BreakingAt extends LoopbackConnection {
  breaksAt: FrameType | undefined;

  protected override async doConnect(): Promise<Result<FrameLink>> {
    const made = await super.doConnect();
    if (!made.ok) return made;
    const { writer } = made.value;
    const tryWrite = writer.tryWrite.bind(writer);
    writer.tryWrite = (header, ...payload) => {
      if (frameTypeOf(header) !== this.breaksAt) return tryWrite(header, ...payload);
      this.breaksAt = undefined;
      this.onStateChanged('failed', new NetworkError('PeerDied', 'the link is broken'));
      return false;
    };
    return made;
  }
}

describe('a link that is found broken', () => {
  let server: LoopbackServer;
  let client: BreakingAt;
  let accepted: Connection;

  const connect = async (): Promise<void> => {
    unwrap(await client.connect());
    accepted = unwrap(await server.accept());
    accepted.startReceiving();
  };

  beforeEach(async () => {
    server = new LoopbackServer({ endpoint: randomUUID() });
    unwrap(await server.listen());
    client = new BreakingAt({ endpoint: server.address()! });
    await connect();
  });

  afterEach(async () => {
    await client.disconnect();
    await server.close();
  });

  it('by a window update leaves none of it to the next link', async () => {
    client.setMessageCallback(() => undefined);
    client.breaksAt = FrameType.WindowUpdate;
    while (accepted.trySend(new Uint8Array(40_000)).ok);
    await until(() => client.getState() === 'failed', 'the link broke');
    await connect();
    unwrap(await client.openChannel('x'));
    await until(() => accepted.isChannelOpen('x'), 'the frames of the new link arrived');
    expect(accepted.getState()).to.equal('connected');
  });

  it('by the opening of a channel ends that call', async () => {
    client.breaksAt = FrameType.ChannelOpen;
    failureOf(await client.openChannel('x'), 'ConnectionClosed');
  });

  it('by the answer to an opening of the peer reports no channel', async () => {
    const channels: string[] = [];
    client.on('channel', (name) => channels.push(name));
    client.breaksAt = FrameType.ChannelOpen;
    await accepted.openChannel('y');
    await until(() => client.getState() === 'failed', 'the link broke');
    expect(channels).to.deep.equal([]);
  });
});

/** Its hooks throw, with an address of its configuration. */
class ThrowingConnection extends LoopbackConnection {
  isConnecting = true;

  protected override doConnect(): Promise<Result<FrameLink>> {
    if (this.isConnecting) throw new Error('the disk of nats://me:secret@host is gone');
    return super.doConnect();
  }

  protected override doDisconnect(): Promise<void> {
    throw new Error('the disk of nats://me:secret@host is gone');
  }
}

/** It can't receive from its first link. */
class DeafConnection extends LoopbackConnection {
  isDeaf = true;

  protected override doStartReceiving(): void {
    if (this.isDeaf) throw new Error('the disk of nats://me:secret@host is gone');
    super.doStartReceiving();
  }
}

/** Its links are closed, and then `doRelease` throws. */
class UnreleasedConnection extends LoopbackConnection {
  protected override doRelease(): void {
    super.doRelease();
    throw new Error('the disk of nats://me:secret@host is gone');
  }
}

describe('an exception of a transport', () => {
  it('appears in the error of the call, without the secrets of an address', async () => {
    const server = new LoopbackServer({ endpoint: randomUUID() });
    unwrap(await server.listen());
    const client = new ThrowingConnection({ endpoint: server.address()! });
    const refused = await client.connect();
    const sentence = 'the disk of nats://***@host is gone';
    expect(refused.ok ? '' : refused.error.message).to.equal(`connecting failed: ${sentence}`);
    client.isConnecting = false;
    unwrap(await client.connect());
    const left = await client.disconnect();
    const outcome = 'the connection ended without a goodbye to the peer';
    expect(left.ok ? '' : left.error.message).to.equal(`${outcome}: ${sentence}`);
    await server.close();
  });

  it('while it starts to receive ends the connection, which can connect again', async () => {
    const server = new LoopbackServer({ endpoint: randomUUID() });
    unwrap(await server.listen());
    const client = new DeafConnection({ endpoint: server.address()! });
    unwrap(await client.connect());
    const { state, error } = await client.closed;
    expect(state).to.equal('failed');
    expect(error).to.include({
      code: 'TransportUnavailable',
      message: 'receiving failed: the disk of nats://***@host is gone',
    });
    const accepted = unwrap(await server.accept());
    accepted.startReceiving();
    expect((await accepted.closed).state).to.equal('disconnected');
    client.isDeaf = false;
    unwrap(await client.connect());
    expect(client.getState()).to.equal('connected');
    await client.disconnect();
    await server.close();
  });

  for (const [call, receive] of [
    ['startReceiving()', (accepted: Connection) => (accepted.startReceiving(), accepted.messages().next())],
    ['a loop over messages()', (accepted: Connection) => accepted.messages().next()],
  ] as const) {
    it(`while an accepted connection starts to receive with ${call} ends it, and each loop over its messages`, async () => {
      const server = new LoopbackServer({ endpoint: randomUUID() });
      unwrap(await server.listen());
      const client = new LoopbackConnection({ endpoint: server.address()! });
      unwrap(await client.connect());
      const accepted = unwrap(await server.accept());
      Object.assign(accepted, {
        doStartReceiving: () => {
          throw new Error('the disk of nats://me:secret@host is gone');
        },
      });
      const failure = {
        code: 'TransportUnavailable',
        message: 'receiving failed: the disk of nats://***@host is gone',
      };
      expect(await receive(accepted).catch((error: unknown) => error)).to.include(failure);
      expect(
        await accepted
          .messages()
          .next()
          .catch((error: unknown) => error),
      ).to.include(failure);
      const { state, error } = await accepted.closed;
      expect(state).to.equal('failed');
      expect(error).to.include(failure);
      expect((await client.closed).state).to.equal('disconnected');
      await server.close();
    });
  }

  it('while it frees a link becomes a warning, and the connection ends and can connect again', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): number => warnings.push(message);
    process.on('warning', onWarning);
    const server = new LoopbackServer({ endpoint: randomUUID() });
    unwrap(await server.listen());
    const client = new UnreleasedConnection({ endpoint: server.address()! });
    unwrap(await client.connect());
    unwrap(await client.disconnect());
    expect(client.getState()).to.equal('disconnected');
    unwrap(await server.accept());
    unwrap(await client.connect());
    unwrap(await unwrap(await server.accept()).disconnect());
    expect(await client.closed).to.deep.equal({ state: 'disconnected' });
    unwrap(await server.close());
    const refused = await client.connect();
    expect(refused.ok ? 'ok' : refused.error.code).to.equal('TransportUnavailable');
    expect(client.getState()).to.equal('failed');
    client.release();
    // Warnings are emitted in a later tick.
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    const warning = `releasing the link of '${client.endpoint}' failed: the disk of nats://***@host is gone`;
    expect(warnings).to.deep.equal([warning, warning, warning]);
  });
});

describe('a wrong value from doConnect()', () => {
  const peerLimits = { maxMessageSize: 1, channelWindow: 65_536, maxChannels: 1 };
  for (const [what, made, path] of [
    ['nothing', undefined, "undefined as 'ok'"],
    ['a link that is no Result', { writer: {}, peerLimits }, "undefined as 'ok'"],
    ['a failure without an error', { ok: false }, "undefined as 'error.message'"],
    ['no link', ok(), "undefined as 'value.writer'"],
    [
      'a writer without methods',
      ok({ writer: { maxFrameBytes: 1 }, peerLimits }),
      "undefined as 'value.writer.tryWrite'",
    ],
    [
      'a writer that claims in an array that it does not have',
      ok({ writer: Object.assign(new LoopbackPipe(100), { tryClaimAt: () => 0 }), peerLimits }),
      "undefined as 'value.writer.claimedBytes'",
    ],
    ['no limits', ok({ writer: new LoopbackPipe(100) }), "undefined as 'value.peerLimits'"],
  ] as const) {
    it(`fails the attempt if it is ${what}, and the next attempt succeeds`, async () => {
      const server = new LoopbackServer({ endpoint: randomUUID() });
      unwrap(await server.listen());
      const client = new LoopbackConnection({ endpoint: server.address()! });
      const changed = Object.assign(client, { doConnect: () => Promise.resolve(made) });
      const unhandled = await unhandledDuring(async () => {
        const failed = failureOf(await client.connect(), 'HandshakeFailed');
        expect(failed.message).to.include(`connecting failed: doConnect() of the transport gave ${path}`);
      });
      expect(unhandled).to.deep.equal([]);
      expect(client.getState()).to.equal('failed');
      Reflect.deleteProperty(changed, 'doConnect');
      unwrap(await client.connect());
      await client.disconnect();
      await server.close();
    });
  }
});
