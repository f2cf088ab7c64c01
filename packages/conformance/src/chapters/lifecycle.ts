import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { Recorder } from '../support/recorder.js';
import { scoped } from '../support/scope.js';
import { until, within } from '../support/until.js';
import { absenceCodeOf, openLink, unusedEndpoint, type ChapterContext } from '../chapter-context.js';
import { codeOf, untilPeer } from '../expectations.js';

/** Contract, semantics 1: states. */
export function describeLifecycle(context: ChapterContext): void {
  describe('1 states', () => {
    if (context.side === 'client') describeConnecting(context);
    else describeAccepted(context);
    describeDisconnecting(context);
  });
}

function describeConnecting(context: ChapterContext): void {
  it(
    'announces connecting and connected, each once and in order',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      expect(recorder.states).to.deep.equal(['connecting', 'connected']);
      expect(local.getState()).to.equal('connected');
      expect(local.isConnected()).to.be.true;
    }),
  );

  it(
    'tells the state callback the same as the state listeners',
    scoped(async (scope) => {
      const told: string[] = [];
      const { local, recorder } = await openLink(context, scope, {
        prepare: ({ connection }) => connection.setStateCallback((state) => told.push(state)),
      });
      await local.disconnect();
      expect(told).to.deep.equal(recorder.states);
      expect(told).to.deep.equal(['connecting', 'connected', 'disconnecting', 'disconnected']);
    }),
  );

  it(
    'resolves connect() after the connected callback ran',
    scoped(async (scope) => {
      const config = await unusedEndpoint(context, scope);
      const host = await context.sharedPeer();
      const clientConfig = context.fixture.clientConfig(config, await host.actions.listen(config));
      scope.defer(() => host.actions.reset());
      const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
      const order: string[] = [];
      connection.setStateCallback((state) => order.push(state));
      const connecting = connection.connect().then(() => order.push('resolved'));
      await host.actions.accept();
      await connecting;
      expect(order).to.deep.equal(['connecting', 'connected', 'resolved']);
    }),
  );

  it(
    'gives connect() while connecting the same outcome, and connects once',
    scoped(async (scope) => {
      const outcomes: Promise<string>[] = [];
      const { recorder } = await openLink(context, scope, {
        prepare: ({ connection }) => {
          outcomes.push(connection.connect().then(codeOf), connection.connect().then(codeOf));
        },
      });
      expect(await Promise.all(outcomes)).to.deep.equal(['ok', 'ok']);
      expect(recorder.states).to.deep.equal(['connecting', 'connected']);
    }),
  );

  it(
    'gives connect() from inside the connecting callback the same outcome',
    scoped(async (scope) => {
      const inner: Promise<string>[] = [];
      const { recorder } = await openLink(context, scope, {
        prepare: ({ connection }) =>
          connection.setStateCallback((state) => {
            if (state === 'connecting') inner.push(connection.connect().then(codeOf));
          }),
      });
      expect(await Promise.all(inner)).to.deep.equal(['ok']);
      expect(recorder.states).to.deep.equal(['connecting', 'connected']);
    }),
  );

  it(
    'fails every connect() under way when nobody listens',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      const { states } = new Recorder(connection);
      const outcomes = await Promise.all([connection.connect(), connection.connect()]);
      for (const outcome of outcomes) expect(codeOf(outcome)).to.equal(absenceCodeOf(context));
      expect(states).to.deep.equal(['connecting', 'failed']);
    }),
  );

  it(
    'tells the failed callback why',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      const recorder = new Recorder(connection);
      const connected = await connection.connect();
      expect(recorder.stateErrors.at(-1)?.code).to.equal(codeOf(connected));
    }),
  );

  it(
    'connects again after disconnected',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      await local.disconnect();
      const accepted = peer.accept({ receive: [{}] });
      unwrap(await local.connect());
      await accepted;
      unwrap(await local.send(Uint8Array.of(1)));
      await untilPeer(peer, 1);
      expect(recorder.states).to.deep.equal([
        ...['connecting', 'connected', 'disconnecting', 'disconnected'],
        ...['connecting', 'connected'],
      ]);
    }),
  );

  it(
    'connects again after the peer disconnected',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      await peer.disconnect();
      await until(() => local.getState() === 'disconnected', 'the near side is disconnected');
      const accepted = peer.accept();
      unwrap(await local.connect());
      await accepted;
      expect(recorder.states.slice(-2)).to.deep.equal(['connecting', 'connected']);
    }),
  );

  it(
    'connects again after failed',
    scoped(async (scope) => {
      const config = await unusedEndpoint(context, scope);
      const connection = scope.add(context.fixture.createTransport().createConnection(config));
      const { states } = new Recorder(connection);
      expect(codeOf(await connection.connect())).to.equal(absenceCodeOf(context));
      const { actions } = await context.sharedPeer();
      scope.defer(() => actions.reset());
      await actions.listen(config);
      const accepted = actions.accept();
      unwrap(await connection.connect());
      await accepted;
      expect(states).to.deep.equal(['connecting', 'failed', 'connecting', 'connected']);
    }),
  );

  it(
    'connects again from inside the disconnected callback',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      const again: Promise<string>[] = [];
      local.setStateCallback((state) => {
        if (state === 'disconnected') again.push(local.connect().then(codeOf));
      });
      const accepted = peer.accept();
      await peer.disconnect();
      await accepted;
      await until(() => again.length === 1, 'the callback was told of disconnected');
      local.setStateCallback(null);
      expect(await again[0]).to.equal('ok');
      expect(recorder.states.slice(-2)).to.deep.equal(['connecting', 'connected']);
    }),
  );

  it(
    'gives Aborted to a connect() whose signal was aborted before',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      const connected = await connection.connect({ signal: AbortSignal.abort('not now') });
      expect(codeOf(connected)).to.equal('Aborted');
      expect(connection.isConnected()).to.be.false;
    }),
  );

  it(
    'gives Aborted to a connect() whose signal is aborted, and connects later',
    scoped(async (scope) => {
      const { actions } = await context.sharedPeer();
      scope.defer(() => actions.reset());
      const config = context.fixture.freshConfig();
      const clientConfig = context.fixture.clientConfig(config, await actions.listen(config));
      const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
      const controller = new AbortController();
      connection.setStateCallback((state) => {
        if (state === 'connecting') controller.abort();
      });
      expect(codeOf(await connection.connect({ signal: controller.signal }))).to.equal('Aborted');
      expect(connection.isConnected()).to.be.false;
      connection.setStateCallback(null);
      unwrap(await connection.connect());
    }),
  );

  it(
    'gives Aborted to connect() when disconnect() comes first',
    scoped(async (scope) => {
      const { actions } = await context.sharedPeer();
      scope.defer(() => actions.reset());
      const config = context.fixture.freshConfig();
      const clientConfig = context.fixture.clientConfig(config, await actions.listen(config));
      const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
      const { states } = new Recorder(connection);
      const begun = new Promise<void>((resolve) => connection.once('state', () => resolve()));
      const connecting = connection.connect();
      await begun;
      unwrap(await connection.disconnect());
      expect(codeOf(await connecting)).to.equal('Aborted');
      expect(states).to.deep.equal(['connecting', 'disconnecting', 'disconnected']);
    }),
  );

  it(
    'gives Aborted to connect() when disconnect() follows in the same turn',
    scoped(async (scope) => {
      const { actions } = await context.sharedPeer();
      scope.defer(() => actions.reset());
      const config = context.fixture.freshConfig();
      const clientConfig = context.fixture.clientConfig(config, await actions.listen(config));
      const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
      const outcomes = await Promise.all([connection.connect(), connection.disconnect()]);
      expect(outcomes.map(codeOf)).to.deep.equal(['Aborted', 'ok']);
      expect(connection.getState()).to.equal('disconnected');
    }),
  );

  it(
    'disconnects from inside the connecting callback',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      const { states } = new Recorder(connection);
      const ended: Promise<string>[] = [];
      connection.setStateCallback((state) => {
        if (state === 'connecting') ended.push(connection.disconnect().then(codeOf));
      });
      expect(codeOf(await within(connection.connect(), 'connect() resolved'))).to.equal('Aborted');
      expect(await Promise.all(ended)).to.deep.equal(['ok']);
      expect(states).to.deep.equal(['connecting', 'disconnecting', 'disconnected']);
    }),
  );

  it(
    'disconnects from inside the connected callback',
    scoped(async (scope) => {
      const ended: Promise<string>[] = [];
      const { local, recorder, peer } = await openLink(context, scope, {
        prepare: ({ connection }) =>
          connection.setStateCallback((state) => {
            if (state === 'connected') ended.push(connection.disconnect().then(codeOf));
          }),
      });
      expect(await within(Promise.all(ended), 'disconnect() resolved')).to.deep.equal(['ok']);
      expect(local.getState()).to.equal('disconnected');
      expect(recorder.states).to.deep.equal(['connecting', 'connected', 'disconnecting', 'disconnected']);
      await untilPeerState(peer, 'disconnected');
    }),
  );

  it(
    'reports nothing for disconnect() before connect()',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      const { states } = new Recorder(connection);
      unwrap(await connection.disconnect());
      expect(states).to.deep.equal([]);
      expect(connection.getState()).to.equal('disconnected');
    }),
  );
}

function describeAccepted(context: ChapterContext): void {
  it(
    'starts an accepted connection connected, with nothing announced',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      expect(local.getState()).to.equal('connected');
      expect(recorder.states).to.deep.equal([]);
    }),
  );

  it(
    'gives NotSupported to connect() on an accepted connection that ended',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope);
      await local.disconnect();
      expect(codeOf(await local.connect())).to.equal('NotSupported');
      expect(local.getState()).to.equal('disconnected');
    }),
  );
}

function describeDisconnecting(context: ChapterContext): void {
  it(
    'gives ok to connect() when connected',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      const before = recorder.states.length;
      unwrap(await local.connect());
      expect(recorder.states).to.have.length(before);
    }),
  );

  it(
    'announces the end once on both sides when the near side disconnects',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      unwrap(await local.disconnect());
      await untilPeerState(peer, 'disconnected');
      expect(recorder.states.slice(-2)).to.deep.equal(['disconnecting', 'disconnected']);
      expect((await peer.report()).states.slice(-2)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    'announces the end once on both sides when the peer disconnects',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      await peer.disconnect();
      await until(() => local.getState() === 'disconnected', 'the near side is disconnected');
      expect(endOf(recorder.states)).to.deep.equal(['disconnecting', 'disconnected']);
      expect(endOf((await peer.report()).states)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    'announces the end once on both sides when both disconnect at the same time',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      await Promise.all([peer.disconnect(), local.disconnect()]);
      expect(endOf(recorder.states)).to.deep.equal(['disconnecting', 'disconnected']);
      expect(endOf((await peer.report()).states)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    'ends once however often disconnect() is called',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      const outcomes = await Promise.all([local.disconnect(), local.disconnect(), local.disconnect()]);
      outcomes.push(await local.disconnect());
      expect(outcomes.map(codeOf)).to.deep.equal(['ok', 'ok', 'ok', 'ok']);
      expect(endOf(recorder.states)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    'disconnects from inside the disconnecting callback without a deadlock',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      const inner: Promise<string>[] = [];
      local.setStateCallback((state) => {
        if (state === 'disconnecting') inner.push(local.disconnect().then(codeOf));
      });
      await within(local.disconnect(), 'disconnect() resolved');
      expect(await within(Promise.all(inner), 'the inner disconnect() resolved')).to.deep.equal(['ok']);
      expect(endOf(recorder.states)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    'is disconnected when disconnect() resolved',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope);
      await local.disconnect();
      expect(local.getState()).to.equal('disconnected');
      expect(local.isConnected()).to.be.false;
    }),
  );

  it(
    'disconnects when it is disposed of',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      await local[Symbol.asyncDispose]();
      expect(local.getState()).to.equal('disconnected');
      await untilPeerState(peer, 'disconnected');
    }),
  );

  it(
    'disconnects at the last release(), and never connects again',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      local.retain();
      local.release();
      expect(local.isConnected()).to.be.true;
      local.release();
      await untilPeerState(peer, 'disconnected');
      await until(() => local.getState() === 'disconnected', 'the near side is disconnected');
      const expected = context.side === 'client' ? 'ConnectionClosed' : 'NotSupported';
      expect(codeOf(await local.connect())).to.equal(expected);
    }),
  );
}

/** The transitions after `connected`. */
function endOf(states: readonly string[]): readonly string[] {
  return states.slice(states.indexOf('connected') + 1);
}

async function untilPeerState(peer: { report(): Promise<{ state: string }> }, state: string): Promise<void> {
  await until(async () => (await peer.report()).state === state, `the peer is ${state}`);
}
