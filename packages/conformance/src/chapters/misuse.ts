import { NetworkError, unwrap, type NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { openPair, unusedEndpoint, type ChapterContext } from '../chapter-context.js';
import { codeOf } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { until } from '../support/until.js';

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

/** Contract, ERROR: wrong arguments and configurations. */
export function describeMisuse(context: ChapterContext): void {
  for (const [what, value] of Object.entries(WRONG_MESSAGES)) {
    it(
      `[ERROR-2] throws a TypeError if a message is ${what}, and continues`,
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
    '[ERROR-2] throws a TypeError if a batch is not an array, and continues',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      for (const wrong of [undefined, null, 'text', new Uint8Array(3), new Set([messageOf(5, 1)])] as never[])
        await expectTypeError(() => near.trySendBatch(wrong));
      await expectStillUsable(near, far);
    }),
  );

  it(
    '[ERROR-2] throws a TypeError if the memory of a message was transferred, and continues',
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
    '[ERROR-2] throws a TypeError for a wrong message if the connection is not connected',
    scoped(async (scope) => {
      const connection = scope.add(
        context.fixture.createTransport().createConnection(await unusedEndpoint(context, scope)),
      );
      await expectTypeError(() => connection.send('text' as never));
      await expectTypeError(() => connection.trySend('text' as never));
    }),
  );

  it(
    '[ERROR-2] throws a TypeError if a callback is not a function',
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
    '[ERROR-2] throws a TypeError if the name of a channel is not a string',
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
    '[ERROR-2] gives InvalidParameter to claim() for an invalid length',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      for (const length of [-1, 1.5, NaN, -Infinity]) expect(codeOf(near.claim(length))).to.equal('InvalidParameter');
      await expectStillUsable(near, far);
    }),
  );

  it('[ERROR-3] throws InvalidParameter, naming the key, for a wrong configuration', () => {
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
