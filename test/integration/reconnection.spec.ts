import { performance } from 'node:perf_hooks';
import { expect } from 'chai';
import { messageOf, scoped, turns, until, within } from '@entropynet/conformance/tools';
import { CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { codeOf, freshName, PigeonTransport } from './manager-support.js';
import { connected, Diary, endOf, managerOf, serve, SOON } from './reconnection-support.js';

describe('automatic reconnecting', () => {
  it(
    'retries with growing waits until a server listens again, and reports the generation',
    scoped(async (scope) => {
      const { manager, handle, diary, config } = await connected(scope);
      expect(handle.getReconnection()).to.deep.equal({ generation: 1, reason: undefined, attempts: 0 });
      await endOf.get(handle)!();
      await until(() => diary.attempts.length === 5, 'the fifth attempt was announced');
      expect(diary.attempts.map(({ delayMs }) => delayMs)).to.deep.equal([5, 10, 20, 40, 40]);
      expect(diary.attempts[0]?.reason.code).to.equal('ConnectionClosed');
      expect(handle.getReconnection().reason?.message).to.include('could not be reached');
      const server = unwrap(manager.createServer(config));
      unwrap(await server.listen());
      const accepted = unwrap(await server.accept());
      await until(() => diary.outcomes.length === 1, 'it was connected again');
      const [outcome] = diary.outcomes;
      expect(outcome).to.include({ generation: 2, attempts: diary.attempts.length });
      expect(outcome?.outageMs).to.be.greaterThan(5 + 10 + 20 + 40);
      expect(handle.getReconnection()).to.deep.equal({ generation: 2, reason: undefined, attempts: 0 });
      const arrived = new Promise((resolve) => {
        accepted.setMessageCallback(resolve);
      });
      unwrap(await handle.send(messageOf(10, 1)));
      expect(await within(arrived, 'a message over the new connection')).to.deep.equal(messageOf(10, 1));
    }),
  );

  it(
    'reports each attempt as state transitions, and the outcome before the first message',
    scoped(async (scope) => {
      const { manager, handle, diary, config } = await connected(scope);
      handle.on('message', () => diary.lines.push('message'));
      await endOf.get(handle)!();
      await until(() => diary.attempts.length === 2, 'the second attempt was announced');
      const server = unwrap(manager.createServer(config));
      unwrap(await server.listen());
      const accepted = unwrap(await server.accept());
      unwrap(await accepted.send(messageOf(3, 3)));
      await until(() => diary.lines.includes('message'), 'a message arrived');
      const failures = diary.attempts.length - 1;
      expect(diary.lines).to.deep.equal([
        ...['connecting', 'connected', 'disconnecting', 'disconnected'],
        ...Array.from({ length: failures }, (_, index) => [
          ...[`reconnecting ${index + 1}`, 'connecting', 'failed TransportUnavailable'],
        ]).flat(),
        ...[`reconnecting ${failures + 1}`, 'connecting', 'connected', 'reconnected 2', 'message'],
      ]);
    }),
  );

  it(
    'never sends anything again and opens no channel by itself',
    scoped(async (scope) => {
      const { manager, handle, diary, config } = await connected(scope);
      unwrap(await handle.openChannel(CHANNEL_CONTROL));
      unwrap(await handle.send(messageOf(100, 1)));
      unwrap(await handle.sendOnChannel(CHANNEL_CONTROL, messageOf(20, 2)));
      const server = unwrap(manager.createServer(config));
      await endOf.get(handle)!();
      unwrap(await server.listen());
      const accepted = unwrap(await server.accept());
      const received: number[] = [];
      accepted.setMessageCallback((data) => received.push(data.length));
      await until(() => diary.outcomes.length === 1, 'it was connected again');
      expect(diary.outcomes[0]?.atRisk).to.deep.equal({ messages: 2, bytes: 120 });
      expect(codeOf(handle.trySendOnChannel(CHANNEL_CONTROL, messageOf(1, 1)))).to.equal('InvalidParameter');
      unwrap(await handle.send(messageOf(7, 7)));
      await until(() => received.length > 0, 'a message arrived');
      await turns(10);
      expect(received).to.deep.equal([7]);
    }),
  );

  it(
    'gives up after maxAttempts, and starts again when the program connects',
    scoped(async (scope) => {
      const { manager, handle, diary, config } = await connected(scope, { ...SOON, maxAttempts: 3 });
      await endOf.get(handle)!();
      await until(() => diary.failure !== undefined, 'it gave up');
      expect(diary.lines.filter((line) => line.startsWith('reconnect'))).to.deep.equal([
        ...['reconnecting 1', 'reconnecting 2', 'reconnecting 3', 'reconnectFailed'],
      ]);
      expect(handle.getState()).to.equal('failed');
      expect(handle.getReconnection()).to.deep.equal({ generation: 1, reason: undefined, attempts: 0 });
      unwrap(await (await serve(manager, config))(handle));
      expect(diary.outcomes).to.deep.equal([]);
      await endOf.get(handle)!();
      await until(() => diary.attempts.length === 6, 'it tried three more times');
    }),
  );

  it(
    'gives up at once if no attempt can succeed',
    scoped(async (scope) => {
      const pigeon = new PigeonTransport();
      const manager = managerOf(scope, pigeon);
      const config = { endpoint: `pigeon://${freshName()}`, reconnect: SOON };
      const server = unwrap(manager.createServer(config));
      unwrap(await server.listen());
      const handle = unwrap(manager.openConnection(config));
      const diary = new Diary(handle);
      unwrap(await handle.connect());
      const accepted = unwrap(await server.accept());
      pigeon.refusal = 'NotSupported';
      await accepted.close();
      await until(() => diary.failure !== undefined, 'it gave up');
      expect(diary.attempts.length).to.equal(1);
    }),
  );

  it(
    'chooses the transport anew at each attempt',
    scoped(async (scope) => {
      const pigeon = new PigeonTransport();
      const manager = managerOf(scope, pigeon, new LoopbackTransport());
      const name = freshName();
      const config = { endpoint: name, fallback: [`pigeon://${freshName()}`], reconnect: SOON };
      const server = unwrap(manager.createServer(config));
      unwrap(await server.listen());
      const handle = unwrap(manager.openConnection(config));
      const diary = new Diary(handle);
      unwrap(await handle.connect());
      expect(handle.getBackend()).to.equal('loopback');
      const accepted = unwrap(await server.accept());
      await server.close();
      const other = unwrap(manager.createServer({ endpoint: config.fallback[0]! }));
      unwrap(await other.listen());
      await accepted.close();
      await until(() => diary.outcomes.length === 1, 'it was connected again');
      expect(handle.getBackend()).to.equal('carrier-pigeon');
      expect(handle.getSelection()?.passedOver.map(({ backend }) => backend)).to.deep.equal(['loopback']);
    }),
  );

  it(
    'does not reconnect after a goodbye if configured',
    scoped(async (scope) => {
      const { handle, diary } = await connected(scope, { ...SOON, afterGoodbye: false });
      await endOf.get(handle)!();
      await until(() => handle.getState() === 'disconnected', 'the goodbye arrived');
      await turns(20);
      expect(diary.attempts).to.deep.equal([]);
    }),
  );

  for (const how of ['disconnect', 'close'] as const) {
    it(
      `ends with ${how}()`,
      scoped(async (scope) => {
        const { handle, diary } = await connected(scope);
        await endOf.get(handle)!();
        await until(() => diary.attempts.length === 2, 'it tries');
        unwrap(await handle[how]());
        const { length } = diary.lines;
        const wait = 4 * SOON.maxDelayMs;
        const start = performance.now();
        await until(() => performance.now() - start > wait, 'longer than any wait between two attempts passed');
        expect(diary.lines.slice(length)).to.deep.equal([]);
        expect(handle.getReconnection().reason).to.equal(undefined);
      }),
    );

    it(
      `does not start after a ${how}() of the program`,
      scoped(async (scope) => {
        const { handle, diary } = await connected(scope);
        unwrap(await handle[how]());
        await turns(20);
        expect(diary.attempts).to.deep.equal([]);
        await endOf.get(handle)!();
      }),
    );
  }

  it(
    'connects at once on connect(), without the wait',
    scoped(async (scope) => {
      const slow = { initialDelayMs: 1_000_000, maxDelayMs: 1_000_000 };
      const { manager, handle, diary, config } = await connected(scope, slow);
      await endOf.get(handle)!();
      await until(() => diary.attempts.length === 1, 'it waits');
      expect(codeOf(await handle.connect())).to.equal('TransportUnavailable');
      await until(() => diary.attempts.length === 2, 'it waits again after that failed');
      unwrap(await (await serve(manager, config))(handle));
      expect(diary.outcomes[0]).to.include({ generation: 2, attempts: 0 });
    }),
  );

  it(
    'shortens each wait by at most the random fraction',
    scoped(async (scope) => {
      const { handle, diary } = await connected(scope, { initialDelayMs: 20, maxDelayMs: 20, jitter: 0.5 });
      await endOf.get(handle)!();
      await until(() => diary.attempts.length === 12, 'twelve attempts were announced');
      const waits = diary.attempts.map(({ delayMs }) => delayMs);
      expect(Math.min(...waits)).to.be.at.least(10);
      expect(Math.max(...waits)).to.be.at.most(20);
      expect(new Set(waits).size).to.be.greaterThan(1);
    }),
  );

  it('names the fault of a policy', () => {
    const manager = new ConnectionManager([new LoopbackTransport()]);
    const messageFor = (reconnect: object): string => {
      const opened = manager.openConnection({ endpoint: 'anything', reconnect });
      return opened.ok ? 'ok' : opened.error.message;
    };
    expect(messageFor({ initialDelayMs: 500, maxDelayMs: 100 })).to.include("'reconnect.initialDelayMs' was given 500");
    expect(messageFor({ jitter: 2 })).to.include("'reconnect.jitter' was given 2");
    expect(messageFor({ retries: 3 })).to.include(
      "unknown key 'reconnect.retries' (given 3; allowed here: initialDelay",
    );
    manager.release();
  });

  it(
    'counts a connection that the program left while it was reported',
    scoped(async (scope) => {
      const { handle } = await connected(scope);
      const generations: number[] = [];
      handle.onConnected((_connection, { generation }) => generations.push(generation));
      const leave = (state: string): void => {
        if (state === 'connected') void handle.disconnect();
      };
      await handle.disconnect();
      handle.on('state', leave);
      unwrap(await handle.connect());
      await handle.disconnect();
      handle.off('state', leave);
      unwrap(await handle.connect());
      expect(generations).to.deep.equal([1, 3]);
      expect(handle.getReconnection().generation).to.equal(3);
    }),
  );
});
