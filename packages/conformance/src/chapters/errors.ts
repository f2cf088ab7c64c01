import { NETWORK_ERROR_CODES, NetworkError, unwrap, type NetworkConnection, type Result } from '@entropynet/core';
import { expect } from 'chai';
import { openListener, openPair, unusedEndpoint, type ChapterContext } from '../chapter-context.js';
import { codeOf } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { scoped, type Scope } from '../support/scope.js';
import { until } from '../support/until.js';
import { describeMisuse } from './misuse.js';

type Operation = (connection: NetworkConnection) => Result<unknown> | Promise<Result<unknown>>;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'send()': (connection) => connection.send(messageOf(5, 1)),
  'trySend()': (connection) => connection.trySend(messageOf(5, 1)),
  'sendUnreliable()': (connection) => connection.sendUnreliable(messageOf(5, 1)),
  'claim()': (connection) => connection.claim(5),
  'openChannel()': (connection) => connection.openChannel('news'),
  'sendOnChannel()': (connection) => connection.sendOnChannel('news', messageOf(5, 1)),
  'trySendOnChannel()': (connection) => connection.trySendOnChannel('news', messageOf(5, 1)),
  'trySendBatch()': (connection) => connection.trySendBatch([messageOf(5, 1)]),
};

/** Brings a connection into a state, runs the check there, and releases everything with the scope. */
type Situation = (
  context: ChapterContext,
  scope: Scope,
  check: (connection: NetworkConnection) => unknown,
) => Promise<void>;

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'before connect()': async (context, scope, check) => {
    await check(scope.add(context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope))));
  },
  connecting: async (context, scope, check) => {
    const { clientConfig } = await openListener(context, scope);
    const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
    await inState(connection, 'connecting', () => connection.connect(), check);
  },
  disconnecting: async (context, scope, check) => {
    const { near } = await openPair(context, scope);
    unwrap(await near.openChannel('news'));
    await inState(near, 'disconnecting', () => near.disconnect(), check);
  },
  disconnected: async (context, scope, check) => {
    const { near } = await openPair(context, scope);
    unwrap(await near.openChannel('news'));
    await near.disconnect();
    await check(near);
  },
  'disconnected by the peer': async (context, scope, check) => {
    const { near, far } = await openPair(context, scope);
    unwrap(await near.openChannel('news'));
    await far.disconnect();
    await until(() => near.getState() === 'disconnected', 'the near side is disconnected');
    await check(near);
  },
  failed: async (context, scope, check) => {
    const connection = scope.add(
      context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
    );
    await connection.connect();
    expect(connection.getState()).to.equal('failed');
    await check(connection);
  },
};

/** Contract, ERROR: every failure has a code. */
export function describeErrors(context: ChapterContext): void {
  describe('errors', () => {
    describeStates(context);
    describeMisuse(context);
    describeErrorObjects(context);
  });
}

function describeStates(context: ChapterContext): void {
  for (const [state, bring] of Object.entries(SITUATIONS)) {
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      it(
        `[ERROR-1] gives ConnectionClosed to ${name} when ${state}`,
        scoped(async (scope) => {
          await bring(context, scope, async (connection) => {
            expect(codeOf(await operation(connection))).to.equal('ConnectionClosed');
            expect(connection.getStats().messagesSent).to.equal(0);
          });
        }),
      );
    }

    it(
      `[ERROR-1] returns neutral values when ${state}`,
      scoped(async (scope) => {
        await bring(context, scope, (connection) => {
          expect(connection.isConnected()).to.be.false;
          expect(connection.isChannelOpen('news')).to.be.false;
          expect(connection.isChannelOpen('unheard of')).to.be.false;
          expect(connection.getBackend()).to.equal(context.fixture.createTransport().backend);
          expect(connection.getType()).to.equal(context.fixture.createTransport().connectionType);
        });
      }),
    );

    it(
      `[STATE-8] gives ok to disconnect() when ${state}`,
      scoped(async (scope) => {
        await bring(context, scope, async (connection) => {
          // The promise is awaited only where that is possible: some of these states last as long as a callback runs.
          const ended = connection.disconnect();
          scope.defer(async () => unwrap(await ended));
        });
      }),
    );
  }
}

function describeErrorObjects(context: ChapterContext): void {
  it(
    '[ERROR-4] gives NetworkErrors with a documented code, a sentence and a stack',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      for (const result of [
        await connection.connect(),
        await connection.connect({ signal: AbortSignal.abort() }),
        await connection.send(messageOf(1, 1)),
        connection.claim(-1),
      ]) {
        if (result.ok) throw new Error('a failure was expected');
        expect(result.error).to.be.instanceOf(NetworkError).and.instanceOf(Error);
        expect(NETWORK_ERROR_CODES).to.include(result.error.code);
        expect(result.error.message).to.match(/\S+ \S+/);
        expect(result.error.stack).to.be.a('string');
        expect(() => unwrap(result)).to.throw(result.error.message);
      }
    }),
  );

  it(
    '[ERROR-4] gives the reason of an abort as the cause',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      const reason = new Error('changed my mind');
      const connected = await connection.connect({ signal: AbortSignal.abort(reason) });
      expect(codeOf(connected)).to.equal('Aborted');
      if (!connected.ok) expect(connected.error.cause).to.equal(reason);
    }),
  );
}

/** Runs the check in the state callback, the only place that always sees a short state. */
async function inState(
  connection: NetworkConnection,
  state: string,
  enter: () => Promise<unknown>,
  check: (connection: NetworkConnection) => unknown,
): Promise<void> {
  const checks: unknown[] = [];
  connection.setStateCallback((reached) => {
    if (reached === state) checks.push(check(connection));
  });
  const entered = enter();
  await until(() => checks.length > 0, `the connection is ${state}`);
  await Promise.all(checks);
  await entered;
}
