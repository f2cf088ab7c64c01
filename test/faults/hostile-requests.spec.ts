import { type Scope, turns, until, within } from '@entropynet/conformance/tools';
import { type NetworkConnection, type Transport, unwrap } from '@entropynet/core';
import { requestReply } from '@entropynet/messaging';
import { expect } from 'chai';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';

const WINDOW = 65_536;
const MEBIBYTE = 1024 * 1024;

const TRANSPORTS = [
  ['WebSocket', webSocketFixture, []],
  ['shared memory', sharedMemoryFixture(), [addon]],
] as const;

/** A connection whose other end sends bytes of the test. */
async function connect(
  scope: Scope,
  transport: Transport,
  fixture: (typeof TRANSPORTS)[number][1],
): Promise<{ near: NetworkConnection; hostile: NetworkConnection }> {
  const config = { ...fixture.freshConfig(), channelWindow: WINDOW, sendTimeoutMs: 100 };
  const server = scope.add(transport.createServer(config));
  unwrap(await server.listen());
  const near = scope.add(
    transport.createConnection({ ...config, ...fixture.clientConfig?.(config, server.address()!) }),
  );
  const accepting = server.accept();
  unwrap(await near.connect());
  const hostile = scope.add(unwrap(await accepting));
  hostile.startReceiving();
  return { near, hostile };
}

function frame(type: number, id: number, text: string): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt8(type);
  head.writeUInt32LE(id, 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

describeFaults('a hostile peer of requests', () => {
  for (const [what, fixture, needs] of TRANSPORTS) {
    after(() => fixture.dispose?.());

    faultTest(
      'H22',
      `a peer requests long replies over ${what} without end, and reads nothing`,
      needs,
      async (context) => {
        const { scope, saw } = context;
        const { near, hostile } = await connect(scope, fixture.createTransport(), fixture);
        const requests = unwrap(await requestReply(near, { maxHandled: 64, maxHandledBytes: MEBIBYTE }));
        let handled = 0;
        requests.handle(() => {
          handled += 1;
          return 'x'.repeat(50_000);
        });
        unwrap(await hostile.openChannel('requests'));
        globalThis.gc?.();
        const before = process.memoryUsage().rss;
        const most = rounds(20_000, 500_000);
        let asked = 0;
        while (asked < most && (await hostile.sendOnChannel('requests', frame(1, asked, '0'))).ok) asked += 1;
        globalThis.gc?.();
        const grown = Math.max(0, process.memoryUsage().rss - before) / MEBIBYTE;
        expect(grown).to.be.lessThan(200);
        const other = unwrap(await requestReply(near, { channel: 'other' }));
        unwrap(await requestReply(hostile, { channel: 'other' })).handle((value) => value);
        expect(unwrap(await other.request('served'))).to.equal('served');
        let answered = 0;
        hostile.setChannelMessageCallback('requests', () => {
          answered += 1;
        });
        await until(
          () => answered === asked,
          () => `${answered} of ${asked} were answered`,
        );
        saw(`${asked} asked, ${handled} handled, ${Math.round(grown)} MiB more, each answered`);
      },
    );

    faultTest('H23', `a peer answers over ${what} with junk, replays and guesses`, needs, async ({ scope, saw }) => {
      const { near, hostile } = await connect(scope, fixture.createTransport(), fixture);
      const requests = unwrap(await requestReply<number, string>(near));
      const ids: number[] = [];
      hostile.setChannelMessageCallback('requests', (message) => {
        const id = Buffer.from(message).readUInt32LE(1);
        for (const earlier of ids.slice(-20)) hostile.trySendOnChannel('requests', frame(2, earlier, '"replayed"'));
        for (const guess of [id + 1, id - 1, 0])
          hostile.trySendOnChannel('requests', frame(2, guess >>> 0, '"guessed"'));
        for (const type of [0, 3, 4, 5, 6, 255]) hostile.trySendOnChannel('requests', frame(type, id + 7, '{'));
        hostile.trySendOnChannel('requests', frame(2, id, '').subarray(0, 4));
        hostile.trySendOnChannel('requests', frame(2, id, '"right"'));
        ids.push(id);
      });
      const count = rounds(200, 5000);
      for (let round = 0; round < count; round += 1) {
        expect(unwrap(await within(requests.request(round), 'the reply came'))).to.equal('right');
      }
      await turns(2);
      expect(near.isConnected()).to.equal(true);
      expect(new Set(ids).size).to.equal(count);
      saw(`${count} requests, each with its own reply`);
    });
  }
});
