import { readdirSync } from 'node:fs';
import { unwrap, type ConnectionConfig } from '@entropynet/core';
import { expect } from 'chai';
import { messageOf } from '../support/messages.js';
import { Recorder } from '../support/recorder.js';
import { Scope, scoped } from '../support/scope.js';
import { turns, until } from '../support/until.js';
import { openPair, skippedTest, unusedEndpoint, type ChapterContext } from '../chapter-context.js';

/** Contract, EXIT: no resource stays open in one process. */
export function describeHygiene(context: ChapterContext): void {
  describe('hygiene', () => {
    it(
      '[EXIT-1] leaves no descriptor, timer or handle behind when connections were disconnected',
      scoped(async () => {
        await expectNothingLeft(context, async (scope) => {
          const { near, far } = await openPair(context, scope);
          const recorder = new Recorder(far).receive();
          for (let index = 0; index < 20; index += 1) unwrap(await near.send(messageOf(5000, index)));
          await until(() => recorder.tally().count === 20, 'the messages arrived');
          await near.disconnect();
        });
      }),
    );

    it(
      '[EXIT-1] leaves nothing behind when the far side takes nothing',
      scoped(async () => {
        await expectNothingLeft(context, async (scope) => {
          const { near } = await openPair(context, scope, { sendTimeoutMs: 50 });
          const sends = Array.from({ length: 4 }, () => near.send(messageOf(500_000, 1)));
          await turns(5);
          await near.disconnect();
          await Promise.all(sends);
        });
      }),
    );

    it(
      '[EXIT-1] leaves nothing behind when connecting fails',
      scoped(async (scope) => {
        const config = await unusedEndpoint(context, scope);
        await expectNothingLeft(context, (round) => failToConnect(context, round, config));
      }),
    );

    it(
      '[EXIT-1] leaves nothing behind when a server is closed with connections that nobody accepted',
      scoped(async () => {
        await expectNothingLeft(context, async (scope) => {
          const { listener } = await openPair(context, scope);
          const config = { ...context.fixture.freshConfig(), connectTimeoutMs: 10_000 };
          const server = scope.add(context.fixture.createTransport().createServer(config));
          unwrap(await server.listen());
          const clientConfig = context.fixture.clientConfig(config, server.address()!);
          const client = scope.add(context.fixture.createTransport().createConnection(clientConfig));
          unwrap(await client.connect());
          await server.close();
          await listener.close();
          await until(() => !client.isConnected(), 'the client saw the end');
        });
      }),
    );

    const { leftovers } = context.fixture;
    if (leftovers === undefined) {
      skippedTest('[EXIT-1] leaves none of its own files behind', 'the transport makes no files');
    } else {
      it('[EXIT-1] leaves none of its own files behind', async () => {
        let names: readonly string[] = [];
        await until(
          async () => (names = await leftovers()).length === 0,
          () => `nothing is left: ${names.join(', ')}`,
        );
      });
    }

    it(
      '[ERROR-4] has a description for people',
      scoped(async (scope) => {
        const { near } = await openPair(context, scope);
        expect(near.description()).to.include(near.getBackend()).and.include('connected');
        expect(near.debugString()).to.include('references=1');
      }),
    );
  });
}

async function failToConnect(context: ChapterContext, scope: Scope, config: ConnectionConfig): Promise<void> {
  const connection = scope.add(context.fixture.createTransport().createConnection(config));
  expect((await connection.connect()).ok).to.be.false;
  const other = scope.add(context.fixture.createTransport().createConnection(config));
  const connecting = other.connect();
  await other.disconnect();
  await connecting;
}

/** Runs `use` several times. Afterwards the process has no more open resources than after the first time. */
async function expectNothingLeft(context: ChapterContext, use: (scope: Scope) => Promise<void>): Promise<void> {
  // The first time may initialise resources that a transport shares among all connections.
  await inScope(use);
  await turns(5);
  const before = openThings();
  for (let round = 0; round < 10; round += 1) await inScope(use);
  let after = before;
  await until(
    () => {
      after = openThings();
      return [...after].every(([what, count]) => count <= (before.get(what) ?? 0));
    },
    () => `${context.side}: no more is open than before: ${show(before)} before, ${show(after)} after`,
    10_000,
  );
}

async function inScope(use: (scope: Scope) => Promise<void>): Promise<void> {
  const scope = new Scope();
  try {
    await use(scope);
  } finally {
    await scope.dispose();
  }
}

/** Returns the open resources of the process, by kind. */
function openThings(): Map<string, number> {
  const counts = new Map<string, number>();
  // The timers belong to waiting code, including this test.
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== 'Timeout' && kind !== 'Immediate') counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  if (process.platform === 'linux') counts.set('descriptor', readdirSync('/proc/self/fd').length);
  return counts;
}

function show(counts: ReadonlyMap<string, number>): string {
  return JSON.stringify(Object.fromEntries(counts));
}
