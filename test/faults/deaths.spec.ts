import { performance } from 'node:perf_hooks';
import { expect } from 'chai';
import {
  expectLocalToHave,
  labelsOf,
  messageOf,
  type MessageRow,
  openLink,
  type PeerHost,
  Recorder,
  Scope,
  type Side,
  SIDES,
  turns,
  until,
  untilLocal,
  within,
} from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import type { FaultPeerHost } from './support/fault-peer.js';
import {
  addon,
  describeFaults,
  type FaultContext,
  faultTest,
  IS_FULL,
  linux,
  pause,
  rounds,
} from './support/fault-test.js';
import { contextOf, ended, expectServing, ownFixture, ownProcess, summaryOfTimes } from './support/processes.js';

/** Short messages, long messages, and some that travel in fragments. */
const ROW: MessageRow = { lengths: [10, 5000, 0, 100_000], count: 12 };

const SEND_STEPS = ['send: room found', 'send: bytes copied', 'send: frame complete', 'send: tail published'] as const;
const RECEIVE_STEPS = ['receive: delivered', 'receive: head published', 'sleep: declared'] as const;
const GOODBYE_STEPS = ['disconnect: goodbye said', 'disconnect: socket closed'] as const;
const CONNECT_STEPS = [
  'connect: socket open',
  'connect: asked',
  'connect: answered',
  'connect: mapped',
  'connect: acknowledged',
] as const;
const ACCEPT_STEPS = ['accept: asked', 'accept: region made', 'accept: answered', 'accept: acknowledged'] as const;
const LISTEN_STEPS = [
  'listen: locked',
  'listen: nobody answers',
  'listen: socket bound',
  'listen: region written',
  'listen: published',
] as const;
const CLOSE_STEPS = ['close: locked', 'close: names removed'] as const;

/** The end of a process that killed itself. Windows has no signals: the exit code is 1. */
const OWN_KILL = process.platform === 'win32' ? 1 : 'SIGKILL';

describeFaults('death of a peer', () => {
  for (const side of SIDES) {
    faultTest('F1', `SIGKILL of an idle ${side === 'client' ? 'server' : 'client'}`, [addon], async (context) => {
      const times: number[] = [];
      const count = rounds(4, 500);
      const lane = async (): Promise<void> => {
        while (times.length < count) times.push(await killIdle(context, side));
      };
      await Promise.all([lane(), lane()]);
      const soon = times.filter((time) => time <= 100).length;
      context.saw(`${times.length} of ${times.length}; ${soon} within 100 ms; ${summaryOfTimes(times)}`);
    });
  }

  for (const [sideNumber, side] of SIDES.entries()) {
    for (const [stepNumber, step] of SEND_STEPS.entries()) {
      // The short form has each step at both times, and on both sides, but not every combination.
      for (const at of IS_FULL ? [1, 7] : [[1, 7][(sideNumber + stepNumber) % 2]!]) {
        faultTest('F2', `the ${other(side)} is killed at '${step}', time ${at}`, [addon], ({ scope }) =>
          dieSending(scope, side, { name: step, at, does: 'kill' }),
        );
      }
    }
    faultTest('F2', `the ${other(side)} is killed at 'send: sleeper claimed', before the wake`, [addon], ({ scope }) =>
      dieSending(scope, side, { name: 'send: sleeper claimed', at: 1, does: 'kill' }),
    );
    for (const step of RECEIVE_STEPS) {
      faultTest('F2', `the ${other(side)} is killed at '${step}' while it receives`, [addon], async ({ scope }) => {
        const { local, host } = await linkTo(scope, side);
        const over = ended(local);
        await host.actions.armStep({ name: step, at: 3, does: 'kill' });
        // The sender continues until it learns of the end: each send must resolve.
        for (let seed = 1; (await local.send(messageOf(3000, seed))).ok; seed += 1);
        expect(await within(over, 'the survivor saw the end')).to.include({ state: 'failed', code: 'PeerDied' });
      });
    }
    for (const step of GOODBYE_STEPS) {
      faultTest('F2', `the ${other(side)} is killed at '${step}' of its goodbye`, [addon], async ({ scope }) => {
        const { local, recorder, host } = await linkTo(scope, side);
        const over = ended(local);
        await host.actions.armStep({ name: step, does: 'kill' });
        await host.actions.send(ROW);
        await expectDeath(host, host.actions.disconnect());
        expect((await within(over, 'the survivor saw the end')).state).to.equal('disconnected');
        await expectLocalToHave(recorder, [ROW]);
      });
    }
  }

  for (const step of CONNECT_STEPS) {
    faultTest('F3', `a client is killed at '${step}'`, [addon], async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const config = { ...fixture.freshConfig(), connectTimeoutMs: 10_000 };
      config.sharedMemory = { ...config.sharedMemory, maxConnections: 1 };
      const server = scope.add(fixture.createTransport().createServer(config));
      unwrap(await server.listen());
      const victim = await ownProcess(scope, fixture);
      await victim.actions.armStep({ name: step, does: 'kill' });
      await expectDeath(victim, victim.actions.connect(config));
      const killed = performance.now();
      const accept = async (): ReturnType<typeof server.accept> => {
        // The connection of the victim may have existed for a moment.
        for (;;) {
          const accepted = await server.accept();
          if (!accepted.ok || accepted.value.isConnected()) return accepted;
          await accepted.value.disconnect();
        }
      };
      if (step === 'connect: acknowledged') unwrap(await server.accept()).startReceiving();
      await expectServing(scope, fixture, config, accept);
      saw(`the next client was served after ${(performance.now() - killed).toFixed(0)} ms`);
    });
  }

  for (const step of ACCEPT_STEPS) {
    faultTest('F3', `a server is killed at '${step}' of a handshake`, [addon], async ({ scope }) => {
      const fixture = ownFixture(scope);
      const config = { ...fixture.freshConfig(), connectTimeoutMs: 10_000 };
      const victim = await ownProcess(scope, fixture);
      await victim.actions.listen(config);
      await victim.actions.armStep({ name: step, does: 'kill' });
      const client = scope.add(fixture.createTransport().createConnection(config));
      const over = ended(client);
      const connected = await client.connect();
      // At the last step, the client has connected: its connection dies instead of its attempt.
      expect(connected.ok ? (await over).code : connected.error.code).to.equal('PeerDied');
      await expectTakeOver(scope, fixture, config);
    });
  }

  faultTest('F3', 'a server is killed with clients in its queue', [addon, pause], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const config = { ...fixture.freshConfig(), connectTimeoutMs: 20_000 };
    const victim = await ownProcess(scope, fixture, {});
    await victim.actions.listen(config);
    scope.defer(() => victim.signal('SIGCONT'));
    victim.signal('SIGSTOP');
    const clients = Array.from({ length: 40 }, () =>
      scope.add(fixture.createTransport().createConnection(config)).connect(),
    );
    // By then, each client has sent its request.
    await turns(20);
    victim.signal('SIGKILL');
    const codes = new Set((await Promise.all(clients)).map((outcome) => (outcome.ok ? 'ok' : outcome.error.code)));
    expect([...codes]).to.deep.equal(['PeerDied']);
    await expectTakeOver(scope, fixture, config);
    saw('40 clients learned PeerDied');
  });

  for (const step of [...LISTEN_STEPS, ...CLOSE_STEPS]) {
    faultTest(['F3', 'R4'], `a server is killed at '${step}'`, [addon], async ({ scope }) => {
      const fixture = ownFixture(scope);
      const config = fixture.freshConfig();
      const victim = await ownProcess(scope, fixture);
      if (step.startsWith('close')) await victim.actions.listen(config);
      await victim.actions.armStep({ name: step, does: 'kill' });
      await expectDeath(
        victim,
        step.startsWith('close') ? victim.actions.closeServer() : victim.actions.listen(config),
      );
      await expectTakeOver(scope, fixture, config);
      expect(await fixture.leftovers?.()).to.deep.equal([]);
    });
  }

  faultTest('F7', 'a killed process whose parent never waits for it', [addon, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    // The shell turns into a program that waits for no child: the process inside stays a zombie.
    const wrapper = ['sh', '-c', '"$@" & exec sleep 600', 'sh'] as const;
    const host = await ownProcess(scope, fixture, { wrapper });
    const { local, recorder } = await openLink(contextOf(fixture, 'server'), scope, {
      host,
      prepare: (near) => near.receive(),
    });
    await host.actions.send(ROW);
    const victim = await host.actions.processId();
    const over = ended(local);
    process.kill(victim, 'SIGKILL');
    expect(await within(over, 'the survivor saw the end')).to.include({ state: 'failed', code: 'PeerDied' });
    await expectLocalToHave(recorder, [ROW]);
    // Signal 0 only asks. The process id is still in use, so no code here relies on it.
    expect(process.kill(victim, 0)).to.equal(true);
    saw('PeerDied while the process id still answers');
    host.signal('SIGKILL');
    await host.ended;
  });
});

/** Kills a peer after its last send. Returns the time until the survivor saw the end, in milliseconds. */
async function killIdle({ scope: outer }: FaultContext, side: Side): Promise<number> {
  const scope = new Scope();
  outer.defer(() => scope.dispose());
  const { local, recorder, host } = await linkTo(scope, side, false);
  await host.actions.send(ROW);
  const over = ended(local);
  const killed = performance.now();
  host.signal('SIGKILL');
  const end = await within(over, 'the survivor saw the end');
  expect(end).to.include({ state: 'failed', code: 'PeerDied' });
  await expectLocalToHave(recorder, [ROW]);
  await scope.dispose();
  expect(recorder.states.filter((state) => state === 'failed')).to.have.length(1);
  return end.at - killed;
}

/** Lets a peer die at a step of sending: the survivor has whole messages, in order, from the first on, then the end. */
async function dieSending(
  scope: Scope,
  side: Side,
  step: { readonly name: string; readonly at: number; readonly does: 'kill' },
): Promise<void> {
  const { local, recorder, host } = await linkTo(scope, side);
  const over = ended(local);
  await host.actions.armStep(step);
  await expectDeath(host, host.actions.send(ROW));
  expect(await within(over, 'the survivor saw the end')).to.include({ state: 'failed', code: 'PeerDied' });
  const { labels } = recorder.tally();
  expect(labels).to.deep.equal(labelsOf(ROW).slice(0, labels.length));
  expect(recorder.errors).to.deep.equal([]);
}

interface OwnLink {
  readonly local: Awaited<ReturnType<typeof openLink>>['local'];
  readonly recorder: Recorder;
  readonly host: FaultPeerHost;
}

/** A connection to a separate process, which receives. This side always sleeps, so that the peer must wake it. */
async function linkTo(scope: Scope, side: Side, hasSteps = true): Promise<OwnLink> {
  const fixture = ownFixture(scope, { wait: 'sleep' });
  const host = await ownProcess(scope, fixture, { hasSteps });
  const { local, recorder } = await openLink(contextOf(fixture, side), scope, {
    host,
    prepare: (near) => near.receive(),
  });
  await host.actions.send({ lengths: [1], count: 1, seed: 99 });
  await untilLocal(recorder, 1);
  const fresh = new Recorder(local).receive();
  return { local, recorder: fresh, host };
}

/** Shows that the process killed itself. */
async function expectDeath(host: PeerHost, call: Promise<unknown>): Promise<void> {
  const answered = await call.then(
    () => true,
    () => false,
  );
  expect(await within(host.ended, 'the process was killed'), `answered: ${answered}`).to.equal(OWN_KILL);
}

/** Shows that a server of this process takes the name at once, and that a client finds it. */
async function expectTakeOver(
  scope: Scope,
  fixture: ReturnType<typeof ownFixture>,
  config: ReturnType<typeof fixture.freshConfig>,
): Promise<void> {
  const server = fixture.createTransport().createServer(config);
  scope.add(server);
  unwrap(await server.listen());
  await expectServing(scope, fixture, config, () => server.accept());
  await server.close();
  await until(() => !server.isListening(), 'the server is closed');
}

function other(side: Side): Side {
  return side === 'client' ? 'server' : 'client';
}
