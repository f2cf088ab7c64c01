import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { type FrameLink, type Result, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';

/** A transport whose goodbye is what a test makes of it, and which notes what becomes of its claims. */
class UneasyConnection extends LoopbackConnection {
  goodbye: () => Promise<void> = () => Promise.resolve();
  abortedClaims = 0;

  protected override async doConnect(): Promise<Result<FrameLink>> {
    const made = await super.doConnect();
    if (made.ok) {
      const { writer } = made.value;
      const abortClaim = writer.abortClaim.bind(writer);
      writer.abortClaim = () => {
        this.abortedClaims += 1;
        abortClaim();
      };
    }
    return made;
  }

  protected override doDisconnect(): Promise<void> {
    return this.goodbye();
  }
}

describe('a goodbye', () => {
  const server = new LoopbackServer({ endpoint: randomUUID() });

  before(async () => {
    unwrap(await server.listen());
  });

  after(async () => {
    await server.close();
  });

  async function connected(sendTimeoutMs?: number): Promise<UneasyConnection> {
    const endpoint = server.address();
    if (endpoint === undefined) throw new Error('the server does not listen');
    const connection = new UneasyConnection({ endpoint, ...(sendTimeoutMs === undefined ? {} : { sendTimeoutMs }) });
    unwrap(await connection.connect());
    unwrap(await server.accept());
    return connection;
  }

  for (const [what, goodbye] of [
    ['rejects', () => Promise.reject(new Error('the line is cut'))],
    [
      'throws',
      () => {
        throw new Error('the line is cut');
      },
    ],
  ] as const) {
    it(`that ${what} ends the connection and is the result of disconnect()`, async () => {
      const connection = await connected();
      connection.goodbye = goodbye;
      const outcome = await connection.disconnect();
      expect(outcome.ok ? '' : outcome.error.code).to.equal('ConnectionClosed');
      expect(outcome.ok ? '' : outcome.error.message).to.contain('the line is cut');
      expect(connection.getState()).to.equal('disconnected');
      unwrap(await connection.disconnect());
      unwrap(await connection.connect());
      connection.goodbye = () => Promise.resolve();
      unwrap(await connection.disconnect());
    });
  }

  it('that never ends is given up after sendTimeoutMs', async () => {
    const connection = await connected(50);
    connection.goodbye = () => new Promise(() => undefined);
    unwrap(await connection.disconnect());
    expect(connection.getState()).to.equal('disconnected');
  });

  it('that never ends is given up when the signal aborts, with its reason', async () => {
    for (const abortsAt of ['before', 'meanwhile']) {
      const connection = await connected();
      connection.goodbye = () => new Promise(() => undefined);
      const controller = new AbortController();
      if (abortsAt === 'before') controller.abort('enough');
      const ended = connection.disconnect({ signal: controller.signal });
      controller.abort('enough');
      const outcome = await ended;
      expect(outcome.ok ? '' : outcome.error).to.include({ code: 'Aborted', cause: 'enough' });
      expect(connection.getState()).to.equal('disconnected');
    }
  });

  it('[END-4] that never ends is given up when the signal of a later call aborts', async () => {
    for (const abortsAt of ['before', 'meanwhile']) {
      const connection = await connected();
      connection.goodbye = () => new Promise(() => undefined);
      const first = connection.disconnect();
      const controller = new AbortController();
      if (abortsAt === 'before') controller.abort('enough');
      const second = connection.disconnect({ signal: controller.signal });
      controller.abort('enough');
      for (const outcome of await Promise.all([first, second])) {
        expect(outcome.ok ? '' : outcome.error).to.include({ code: 'Aborted', cause: 'enough' });
      }
      expect(connection.getState()).to.equal('disconnected');
    }
  });

  it('frees the room of an open claim, once', async () => {
    const connection = await connected();
    const claim = unwrap(connection.claim(10));
    unwrap(await connection.disconnect());
    expect(connection.abortedClaims).to.equal(1);
    const late = claim.commit();
    expect(late.ok ? '' : late.error.code).to.equal('ConnectionClosed');
    claim.abort();
    expect(connection.abortedClaims).to.equal(1);
  });
});

describe('a channel name', () => {
  it('that is not a string is a TypeError in every state', async () => {
    const connection = new LoopbackConnection({ endpoint: 'nobody' });
    const wrong = 5 as unknown as string;
    expect(() => void connection.sendOnChannel(wrong, new Uint8Array(1))).to.throw(TypeError, 'number');
    expect(() => connection.trySendOnChannel(wrong, new Uint8Array(1))).to.throw(TypeError, 'number');
    expect(() => void connection.openChannel(wrong)).to.throw(TypeError, 'number');
    await connection.disconnect();
  });
});

describe('opening a channel', () => {
  it('delays nothing after the signal aborted, and still succeeds', async () => {
    const server = new LoopbackServer({ endpoint: randomUUID() });
    unwrap(await server.listen());
    const connection = new LoopbackConnection({ endpoint: server.address() ?? '' });
    unwrap(await connection.connect());
    // Nothing else is sent while a claim is under way.
    const claim = unwrap(connection.claim(10));
    const controller = new AbortController();
    const opening = connection.openChannel('late', { signal: controller.signal });
    controller.abort('enough');
    const outcome = await opening;
    expect(outcome.ok ? '' : outcome.error).to.include({ code: 'Aborted', cause: 'enough' });
    unwrap(claim.commit());
    unwrap(await connection.openChannel('late'));
    expect(connection.isChannelOpen('late')).to.equal(true);
    await connection.disconnect();
    await server.close();
  });
});
