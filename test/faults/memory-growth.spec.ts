import { expect } from 'chai';
import { messageOf, openLink, type Recorder, untilLocal, untilPeer } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';
import { contextOf, ownFixture, ownProcess } from './support/processes.js';

describeFaults('growth of memory', () => {
  for (const access of ['direct', 'copied'] as const) {
    faultTest(access === 'direct' ? 'L4' : ['L4', 'L3'], `memory under load, ${access}`, [addon], async (context) => {
      const { scope, saw } = context;
      const fixture = ownFixture(scope, { access });
      const host = await ownProcess(scope, fixture, {});
      const { local, recorder } = await openLink(contextOf(fixture, 'server'), scope, {
        host,
        prepare: (near) => near.receive(),
      });
      const chunk = rounds(20_000, 200_000);
      await sendAndReceive(local, recorder, chunk, host.actions);
      const before = resident();
      for (let part = 0; part < 4; part += 1) await sendAndReceive(local, recorder, chunk, host.actions);
      const grown = resident() - before;
      // Far less than the 300 bytes a message that were sent: nothing of them is kept.
      expect(grown).to.be.lessThan(Math.max(32 * 1024 * 1024, chunk * 4 * 30));
      saw(`${4 * chunk} messages each way: ${(grown / 1048576).toFixed(1)} MiB more resident`);
    });
  }
});

/** Messages in both directions. */
async function sendAndReceive(
  local: NetworkConnection,
  recorder: Recorder,
  count: number,
  peer: Parameters<typeof untilPeer>[0],
): Promise<void> {
  const received = recorder.tally().count;
  const arrived = await peer.count();
  const sending = peer.send({ lengths: [300], count });
  for (let index = 0; index < count; index += 1) unwrap(await local.send(messageOf(300, index)));
  await sending;
  await untilLocal(recorder, received + count);
  await untilPeer(peer, arrived + count);
}

function resident(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
