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
      const chunk = rounds(2000, 200_000);
      // The short form has fewer messages of as many bytes.
      const length = rounds(3000, 300);
      await sendAndReceive(local, recorder, host.actions, { count: chunk, length });
      const before = resident();
      for (let part = 0; part < 4; part += 1)
        await sendAndReceive(local, recorder, host.actions, { count: chunk, length });
      const grown = resident() - before;
      // Far less than the bytes of both directions, which are at least 45 MiB: the connection keeps none of them.
      expect(grown).to.be.lessThan(32 * 1024 * 1024);
      saw(`${4 * chunk} messages of ${length} B each way: ${(grown / 1048576).toFixed(1)} MiB more resident`);
    });
  }
});

/** Sends messages in both directions. */
async function sendAndReceive(
  local: NetworkConnection,
  recorder: Recorder,
  peer: Parameters<typeof untilPeer>[0],
  { count, length }: { readonly count: number; readonly length: number },
): Promise<void> {
  const received = recorder.tally().count;
  const arrived = await peer.count();
  const sending = peer.send({ lengths: [length], count });
  for (let index = 0; index < count; index += 1) unwrap(await local.send(messageOf(length, index)));
  await sending;
  await untilLocal(recorder, received + count);
  await untilPeer(peer, arrived + count);
}

function resident(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
