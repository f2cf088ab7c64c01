import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { absenceCodeOf, freeEndpoint, openLink, unusedEndpoint, type ChapterContext } from '../chapter-context.js';
import { codeOf, untilPeer } from '../expectations.js';
import { Recorder } from '../support/recorder.js';
import { scoped } from '../support/scope.js';
import { until, within } from '../support/until.js';

/** Contract, STATE: a client connects. */
export function describeConnecting(context: ChapterContext): void {
  it(
    '[STATE-1] announces connecting and connected, each once and in order',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      expect(recorder.states).to.deep.equal(['connecting', 'connected']);
      expect(local.getState()).to.equal('connected');
      expect(local.isConnected()).to.be.true;
    }),
  );

  it(
    '[STATE-1] reports the same states to the state callback and the state listeners',
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
    '[STATE-2] resolves connect() after the connected callback ran',
    scoped(async (scope) => {
      const { serverConfig, clientConfig } = await freeEndpoint(context, scope);
      const host = await context.sharedPeer();
      await host.actions.listen(serverConfig);
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
    '[STATE-3] gives connect() while connecting the same outcome, and connects once',
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
    '[STATE-3] gives connect() from inside the connecting callback the same outcome',
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
    '[STATE-3] [STATE-5] fails every running connect() if no server listens',
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
    '[STATE-5] gives the error to the failed callback',
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
    '[STATE-4] connects again after disconnected',
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
    '[STATE-4] connects again after the peer disconnected',
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
    '[STATE-4] connects again after failed',
    scoped(async (scope) => {
      const { serverConfig, clientConfig } = await freeEndpoint(context, scope);
      const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
      const { states } = new Recorder(connection);
      expect(codeOf(await connection.connect())).to.equal(absenceCodeOf(context));
      const { actions } = await context.sharedPeer();
      scope.defer(() => actions.reset());
      await actions.listen(serverConfig);
      const accepted = actions.accept();
      unwrap(await connection.connect());
      await accepted;
      expect(states).to.deep.equal(['connecting', 'failed', 'connecting', 'connected']);
    }),
  );

  it(
    '[STATE-4] connects again from inside the disconnected callback',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      const again: Promise<string>[] = [];
      local.setStateCallback((state) => {
        if (state === 'disconnected') again.push(local.connect().then(codeOf));
      });
      const accepted = peer.accept();
      await peer.disconnect();
      await accepted;
      await until(() => again.length === 1, 'the callback got disconnected');
      local.setStateCallback(null);
      expect(await again[0]).to.equal('ok');
      expect(recorder.states.slice(-2)).to.deep.equal(['connecting', 'connected']);
    }),
  );

  it(
    '[STATE-6] gives Aborted to a connect() whose signal was aborted before',
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
    '[STATE-6] gives Aborted to a connect() whose signal is aborted, and connects later',
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
    '[STATE-6] gives Aborted to connect() when disconnect() comes first',
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
    '[STATE-6] gives Aborted to connect() when disconnect() follows in the same turn',
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
    '[STATE-6] [CALLBACK-4] disconnects from inside the connecting callback',
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
    '[STATE-6] [CALLBACK-4] disconnects from inside the connected callback',
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
    '[STATE-1] reports nothing for disconnect() before connect()',
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

async function untilPeerState(peer: { report(): Promise<{ state: string }> }, state: string): Promise<void> {
  await until(async () => (await peer.report()).state === state, `the peer is ${state}`);
}
