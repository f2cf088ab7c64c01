import { expect } from 'chai';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { skippedTest } from '@entropynet/conformance/tools';
import { err, unwrap } from '@entropynet/core';
import { SharedMemoryConnection } from '@entropynet/transport-shm';
import {
  asSharedMemory,
  describeWithScene,
  nativeBinding,
  reached,
} from '@entropynet/test/support/shared-memory/shared-memory-support';

/** What this process has resident of memory that it shares, in bytes. */
function residentSharedBytes(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(/^RssShmem:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

describeWithScene('a region of shared memory', (scene) => {
  it('has the smaller of the two sizes that the sides allow', async () => {
    const server = await scene().server({ sharedMemory: { directory: scene().directory, regionSize: 1024 * 1024 } });
    const { client, accepted } = await scene().pair(server);
    expect(client.getRegionSize()).to.equal(65_536);
    expect(asSharedMemory(accepted).getRegionSize()).to.equal(65_536);
    expect(client.getRegionName()).to.equal('scene');
  });

  const residence = 'is resident from the start, on both sides, where it is to be prefaulted, and only there';
  const isSeen = process.platform === 'linux' && nativeBinding()?.supportsExternalBuffers() === true;
  if (!isSeen) skippedTest(residence, 'needs the addon, external memory and /proc');
  else
    it(residence, async () => {
      const regionSize = 8 * 1024 * 1024;
      const grownBy = async (prefault: boolean): Promise<number> => {
        Object.assign(scene().config.sharedMemory, { regionSize, prefault });
        const server = await scene().server({ endpoint: `prefault-${prefault}` });
        const before = residentSharedBytes();
        const client = new SharedMemoryConnection(`prefault-${prefault}`, scene().config);
        scene().onClose(() => client.disconnect());
        unwrap(await client.connect());
        const accepted = unwrap(await server.accept());
        scene().onClose(() => accepted.disconnect());
        return residentSharedBytes() - before;
      };
      expect(await grownBy(false)).to.be.below(regionSize / 4);
      // Both sides are this process, which maps the region twice.
      expect(await grownBy(true)).to.be.within(2 * regionSize, 2.25 * regionSize);
    });

  it("needs only the server's name", () => {
    const connection = new SharedMemoryConnection('by-name');
    expect(connection.getRegionName()).to.equal('by-name');
    expect(connection.getRegionSize()).to.equal(4 * 1024 * 1024);
    expect(connection.getState()).to.equal('disconnected');
  });

  it('delivers the written messages of a killed peer, then fails with PeerDied', async () => {
    const server = await scene().server();
    const child = scene().fork('send');
    const accepted = unwrap(await server.accept());
    const received: number[] = [];
    const states: string[] = [];
    accepted.setStateCallback((state, error) =>
      states.push(`${state} ${(error as { code?: string } | undefined)?.code ?? ''}`),
    );
    await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    accepted.setMessageCallback((data) => received.push((data[0] as number) | ((data[1] as number) << 8)));
    const failed = reached(accepted, 'failed');
    accepted.startReceiving();
    await failed;
    expect(received).to.deep.equal(Array.from({ length: 1000 }, (_unused, index) => index));
    expect(states).to.deep.equal(['failed PeerDied']);
  });

  it('refuses connections above the limit, and accepts one after another has ended', async () => {
    const limited = { sharedMemory: { ...scene().config.sharedMemory, maxConnections: 1 } };
    const server = await scene().server(limited);
    const { client, accepted } = await scene().pair(server);
    const second = new SharedMemoryConnection('scene', scene().config);
    const refused = await second.connect();
    expect(refused.ok ? '' : refused.error.code).to.equal('ResourceLimitExceeded');
    accepted.startReceiving();
    const ended = reached(accepted, 'disconnected');
    await client.disconnect();
    await ended;
    expect((await second.connect()).ok).to.equal(true);
    await second.disconnect();
  });

  it('accepts one again even if the program removed all state listeners', async () => {
    const limited = { sharedMemory: { ...scene().config.sharedMemory, maxConnections: 1 } };
    const server = await scene().server(limited);
    const { client, accepted } = await scene().pair(server);
    accepted.off('state');
    accepted.startReceiving();
    const ended = accepted.closed;
    await client.disconnect();
    await ended;
    const second = new SharedMemoryConnection('scene', scene().config);
    unwrap(await second.connect());
    await second.disconnect();
  });

  it('never admits more connections than the limit when clients come at once', async () => {
    const limited = { sharedMemory: { ...scene().config.sharedMemory, maxConnections: 2 } };
    const server = await scene().server(limited);
    const clients = Array.from({ length: 6 }, () => new SharedMemoryConnection('scene', scene().config));
    for (const client of clients) scene().onClose(() => client.disconnect());
    const outcomes = await Promise.all(clients.map((client) => client.connect()));
    expect(outcomes.map((each) => (each.ok ? 'ok' : each.error.code)).sort()).to.deep.equal([
      ...Array.from({ length: 4 }, () => 'ResourceLimitExceeded'),
      'ok',
      'ok',
    ]);
    for (const client of clients.filter((each) => each.isConnected())) {
      const accepted = unwrap(await server.accept());
      scene().onClose(() => accepted.disconnect());
      unwrap(await client.send(Uint8Array.of(1)));
    }
  });
});

describe('shared memory without its addon', () => {
  it('gives the reason if the addon does not load, and importing still works', async () => {
    const script = `
      const Module = require('node:module');
      const load = Module._load;
      Module._load = (name, ...rest) => { if (name === 'node-gyp-build') throw new Error('no addon here'); return load(name, ...rest); };
      import('@entropynet/transport-shm').then(async ({ SharedMemoryTransport }) => {
        const transport = new SharedMemoryTransport();
        const probe = await transport.probe({ endpoint: 'x' });
        const listening = await transport.createServer({ endpoint: 'x' }).listen();
        console.log(JSON.stringify([probe.reason, listening.error.code]));
      });`;
    const { execFile } = await import('node:child_process');
    const output = await new Promise<string>((resolve, reject) => {
      // Where the environment names an addon, nothing else is tried.
      const env = { ...process.env, ENTROPYNET_ADDON_PATH: '' };
      execFile(process.execPath, ['-e', script], { cwd: import.meta.dirname, env }, (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(new Error('the program failed', { cause: error }));
      });
    });
    const [reason, code] = JSON.parse(output) as [string, string];
    expect(reason).to.contain('no addon here');
    expect(code).to.equal(err('SharedMemoryNotAvailable').error.code);
  });
});
