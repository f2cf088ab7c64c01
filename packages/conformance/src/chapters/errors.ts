import { NETWORK_ERROR_CODES, NetworkError, unwrap, type NetworkConnection, type Result } from '@entropynet/core';
import { expect } from 'chai';
import { messageOf } from '../support/messages.js';
import { scoped, type Scope } from '../support/scope.js';
import { until } from '../support/until.js';
import { openListener, openPair, unusedEndpoint, type ChapterContext } from '../chapter-context.js';
import { codeOf } from '../expectations.js';

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

/** Brings a connection into a state, runs the check there and gives everything back with the scope. */
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

const WRONG_MESSAGES: Readonly<Record<string, unknown>> = {
  'a string': 'text',
  'a number': 5,
  undefined,
  null: null,
  'an array': [1, 2],
  'an ArrayBuffer': new ArrayBuffer(4),
  'a Float32Array': new Float32Array(2),
  'an empty Float32Array': new Float32Array(0),
  'a DataView': new DataView(new ArrayBuffer(4)),
};

/** Contract, sections 1 and 2: what goes wrong has a code. */
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
        `gives ConnectionClosed to ${name} when ${state}`,
        scoped(async (scope) => {
          await bring(context, scope, async (connection) => {
            expect(codeOf(await operation(connection))).to.equal('ConnectionClosed');
            expect(connection.getStats().messagesSent).to.equal(0);
          });
        }),
      );
    }

    it(
      `has neutral answers when ${state}`,
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
      `gives ok to disconnect() when ${state}`,
      scoped(async (scope) => {
        await bring(context, scope, async (connection) => {
          // Awaited only where that is possible: some of these situations last as long as a callback runs.
          const ended = connection.disconnect();
          scope.defer(async () => unwrap(await ended));
        });
      }),
    );
  }
}

function describeMisuse(context: ChapterContext): void {
  for (const [what, value] of Object.entries(WRONG_MESSAGES)) {
    it(
      `throws a TypeError where a message is ${what}, and goes on`,
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        unwrap(await near.openChannel('news'));
        const data = value as Uint8Array;
        await expectTypeError(() => near.send(data));
        await expectTypeError(() => near.trySend(data));
        await expectTypeError(() => near.sendUnreliable(data));
        await expectTypeError(() => near.sendOnChannel('news', data));
        await expectTypeError(() => near.trySendOnChannel('news', data));
        await expectTypeError(() => near.trySendBatch([messageOf(5, 1), data]));
        await expectStillUsable(near, far);
      }),
    );
  }

  it(
    'throws a TypeError where a batch is no array, and goes on',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      for (const wrong of [undefined, null, 'text', new Uint8Array(3), new Set([messageOf(5, 1)])] as never[])
        await expectTypeError(() => near.trySendBatch(wrong));
      await expectStillUsable(near, far);
    }),
  );

  it(
    'throws a TypeError where the memory of a message was given away, and goes on',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const data = new Uint8Array(10);
      structuredClone(data.buffer, { transfer: [data.buffer] });
      await expectTypeError(() => near.send(data));
      await expectTypeError(() => near.trySend(data));
      await expectStillUsable(near, far);
    }),
  );

  it(
    'throws a TypeError where a message is wrong and the connection is not connected',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      await expectTypeError(() => connection.send('text' as never));
      await expectTypeError(() => connection.trySend('text' as never));
    }),
  );

  it(
    'throws a TypeError where a callback is no function',
    scoped(async (scope) => {
      const { near } = await openPair(context, scope);
      for (const wrong of ['text', 5, {}, undefined] as never[]) {
        await expectTypeError(() => near.setMessageCallback(wrong));
        await expectTypeError(() => near.setStateCallback(wrong));
        await expectTypeError(() => near.setChannelMessageCallback('news', wrong));
      }
    }),
  );

  it(
    'throws a TypeError where the name of a channel is no string',
    scoped(async (scope) => {
      const { near } = await openPair(context, scope);
      for (const wrong of [5, {}, null, undefined] as never[]) {
        await expectTypeError(() => near.openChannel(wrong));
        await expectTypeError(() => near.sendOnChannel(wrong, messageOf(1, 1)));
        await expectTypeError(() => near.trySendOnChannel(wrong, messageOf(1, 1)));
        await expectTypeError(() => near.setChannelMessageCallback(wrong, () => undefined));
      }
    }),
  );

  it(
    'gives InvalidParameter to claim() for a length that is none',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      for (const length of [-1, 1.5, NaN, -Infinity]) expect(codeOf(near.claim(length))).to.equal('InvalidParameter');
      await expectStillUsable(near, far);
    }),
  );

  it('throws InvalidParameter, naming the key, for a wrong configuration', () => {
    const { fixture } = context;
    const { optionsKey } = fixture.createTransport();
    const wrongs: readonly [string, object][] = [
      ['sendTimeoutMs', { sendTimeoutMs: 'soon' }],
      ['maxMesageSize', { maxMesageSize: 5 }],
      ...(optionsKey === undefined ? [] : [[optionsKey, { [optionsKey]: 5 }] as [string, object]]),
      ['endpoint', { endpoint: '' }],
    ];
    for (const [key, wrong] of wrongs) {
      const config = { ...fixture.freshConfig(), ...wrong };
      for (const create of ['createConnection', 'createServer'] as const) {
        const error = thrownBy(() => fixture.createTransport()[create](config));
        expect(error).to.be.instanceOf(NetworkError);
        expect((error as NetworkError).code).to.equal('InvalidParameter');
        expect((error as NetworkError).message).to.include(key);
      }
    }
  });
}

function describeErrorObjects(context: ChapterContext): void {
  it(
    'gives NetworkErrors with a documented code, a sentence and a stack',
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
    'gives the reason of an abort as the cause',
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

/** Runs the check inside the state callback, the only place where a passing state is sure to be seen. */
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

async function expectTypeError(act: () => unknown): Promise<void> {
  let failure: unknown;
  try {
    await act();
  } catch (thrown) {
    failure = thrown;
  }
  expect(failure).to.be.instanceOf(TypeError);
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

async function expectStillUsable(near: NetworkConnection, far: NetworkConnection): Promise<void> {
  const lengths: number[] = [];
  far.setMessageCallback((data) => lengths.push(data.length));
  unwrap(await near.send(messageOf(3, 1)));
  await until(() => lengths.length > 0, 'a message arrived');
  expect(lengths).to.deep.equal([3]);
}
