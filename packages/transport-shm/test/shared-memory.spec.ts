import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skippedTest } from '@entropynet/conformance/tools';
import { err, frameHeader, FrameType, type NetworkConnection, unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer, SharedMemoryTransport } from '@entropynet/transport-shm';
import { AWAKE, sideLayout, SLEEPS_ON_FUTEX } from '@entropynet/transport-shm/internal/region/layout';
import { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import { nativeBinding, reached, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { leaveOut } from '@entropynet/test/support/leave-out';

/** An accepted connection as what it is. */
function sharedMemory(connection: NetworkConnection): SharedMemoryConnection {
  if (connection instanceof SharedMemoryConnection) return connection;
  throw new TypeError(`a ${connection.className()} was accepted`);
}

/** What this process has resident of memory that it shares, in bytes. */
function residentSharedBytes(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(/^RssShmem:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

describe('shared memory between processes', () => {
  let scene: Scene;

  before(function () {
    if (nativeBinding() === undefined) leaveOut(this, 'the addon is not built');
  });

  beforeEach(() => {
    scene = new Scene();
  });

  afterEach(async () => {
    await scene.close();
  });

  describe('names', () => {
    it('gives a name to exactly one of two servers, and an error to the other', async () => {
      await scene.server();
      const second = await new SharedMemoryServer(scene.config).listen();
      expect(second.ok ? '' : second.error.code).to.equal('AddressInUse');
    });

    it('gives a name to exactly one of four processes, in each round', async () => {
      const children = [1, 2, 3, 4].map(() => scene.fork('race'));
      await Promise.all(children.map((child) => once(child, 'message')));
      for (let round = 0; round < 10; round += 1) {
        const tell = (message: string): Promise<unknown[]> =>
          Promise.all(
            children.map(async (child) => {
              const answer = once(child, 'message');
              child.send(message);
              return ((await answer) as unknown[])[0];
            }),
          );
        const outcomes = await tell('listen');
        expect([...outcomes].sort()).to.deep.equal(['AddressInUse', 'AddressInUse', 'AddressInUse', 'ok']);
        await tell('close');
        expect(scene.names()).to.deep.equal([]);
      }
    });

    it('replaces a server that was killed, and leaves nothing when it closes', async () => {
      const child = scene.fork('serve');
      expect((await once(child, 'message'))[0]).to.equal('listening');
      child.kill('SIGKILL');
      await once(child, 'exit');
      // A pipe of Windows is no file.
      expect(scene.names()).to.have.length(process.platform === 'win32' ? 1 : 2);
      const server = await scene.server();
      await scene.pair(server);
      await server.close();
      expect(scene.names()).to.deep.equal([]);
    });

    it('reports to a client that its server is gone', async () => {
      const child = scene.fork('serve');
      await once(child, 'message');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const connected = await new SharedMemoryConnection('scene', scene.config).connect();
      expect(connected.ok ? '' : connected.error.code).to.equal('TransportUnavailable');
    });

    for (const way of ['exit', 'throw'] as const) {
      it(`leaves no name behind when a listening process ends by ${way}`, async () => {
        const child = scene.fork(way);
        await once(child, 'exit');
        expect(child.exitCode).to.equal(way === 'exit' ? 0 : 1);
        expect(scene.names()).to.deep.equal([]);
      });
    }

    it('serves any name, even one like a path', async () => {
      for (const endpoint of ['../../etc/passwd', 'ü', '/', 'con', 'x'.repeat(200)]) {
        const config = { ...scene.config, endpoint };
        const server = await scene.server({ endpoint });
        const client = new SharedMemoryConnection(endpoint, config);
        unwrap(await client.connect());
        await client.disconnect();
        await server.close();
      }
    });
  });

  describe('the directory', () => {
    const listen = async (directory: string): Promise<string> => {
      const result = await new SharedMemoryServer({ endpoint: 'scene', sharedMemory: { directory } }).listen();
      return result.ok ? 'ok' : result.error.code;
    };

    it('is refused if others may write to it', async function () {
      // There an access list says it, which Node.js can't write.
      if (process.platform === 'win32') leaveOut(this, 'Node.js can not write an access list of Windows');
      const directory = join(scene.directory, 'open');
      mkdirSync(directory);
      chmodSync(directory, 0o777);
      expect(await listen(directory)).to.equal('SharedMemoryPermission');
    });

    it('is refused if it is a link or a file', async function () {
      symlinkSync(scene.directory, join(scene.directory, 'link'));
      // Under wine a link looks like what it leads to.
      if (!lstatSync(join(scene.directory, 'link')).isSymbolicLink()) leaveOut(this, 'this system shows no links');
      writeFileSync(join(scene.directory, 'file'), '');
      expect(await listen(join(scene.directory, 'link'))).to.equal('SharedMemoryPermission');
      expect(await listen(join(scene.directory, 'file'))).to.equal('SharedMemoryPermission');
    });

    it('is created for this user only if it is missing', async () => {
      const directory = join(scene.directory, 'new', 'deeper');
      const server = new SharedMemoryServer({ endpoint: 'scene', sharedMemory: { directory } });
      expect((await server.listen()).ok).to.equal(true);
      expect((await server.close()).ok).to.equal(true);
    });

    it("is named in the client's error if it does not exist", async () => {
      const directory = join(scene.directory, 'nowhere');
      const probe = await new SharedMemoryTransport().probe({ endpoint: 'scene', sharedMemory: { directory } });
      expect(probe.available ? '' : probe.reason).to.contain(directory);
    });
  });

  describe('the region', () => {
    it('has the smaller of the two sizes that the sides allow', async () => {
      const server = await scene.server({ sharedMemory: { directory: scene.directory, regionSize: 1024 * 1024 } });
      const { client, accepted } = await scene.pair(server);
      expect(client.getRegionSize()).to.equal(65_536);
      expect(sharedMemory(accepted).getRegionSize()).to.equal(65_536);
      expect(client.getRegionName()).to.equal('scene');
    });

    const residence = 'is resident from the start, on both sides, where it is to be prefaulted, and only there';
    const isSeen = process.platform === 'linux' && nativeBinding()?.supportsExternalBuffers() === true;
    if (!isSeen) skippedTest(residence, 'needs the addon, external memory and /proc');
    else
      it(residence, async () => {
        const regionSize = 8 * 1024 * 1024;
        const grownBy = async (prefault: boolean): Promise<number> => {
          Object.assign(scene.config.sharedMemory, { regionSize, prefault });
          const server = await scene.server({ endpoint: `prefault-${prefault}` });
          const before = residentSharedBytes();
          const client = new SharedMemoryConnection(`prefault-${prefault}`, scene.config);
          scene.onClose(() => client.disconnect());
          unwrap(await client.connect());
          const accepted = unwrap(await server.accept());
          scene.onClose(() => accepted.disconnect());
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
      const server = await scene.server();
      const child = scene.fork('send');
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
      const limited = { sharedMemory: { ...scene.config.sharedMemory, maxConnections: 1 } };
      const server = await scene.server(limited);
      const { client, accepted } = await scene.pair(server);
      const second = new SharedMemoryConnection('scene', scene.config);
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
      const limited = { sharedMemory: { ...scene.config.sharedMemory, maxConnections: 1 } };
      const server = await scene.server(limited);
      const { client, accepted } = await scene.pair(server);
      accepted.off('state');
      accepted.startReceiving();
      const ended = accepted.closed;
      await client.disconnect();
      await ended;
      const second = new SharedMemoryConnection('scene', scene.config);
      unwrap(await second.connect());
      await second.disconnect();
    });

    it('never admits more connections than the limit when clients come at once', async () => {
      const limited = { sharedMemory: { ...scene.config.sharedMemory, maxConnections: 2 } };
      const server = await scene.server(limited);
      const clients = Array.from({ length: 6 }, () => new SharedMemoryConnection('scene', scene.config));
      for (const client of clients) scene.onClose(() => client.disconnect());
      const outcomes = await Promise.all(clients.map((client) => client.connect()));
      expect(outcomes.map((each) => (each.ok ? 'ok' : each.error.code)).sort()).to.deep.equal([
        ...Array.from({ length: 4 }, () => 'ResourceLimitExceeded'),
        'ok',
        'ok',
      ]);
      for (const client of clients.filter((each) => each.isConnected())) {
        const accepted = unwrap(await server.accept());
        scene.onClose(() => accepted.disconnect());
        unwrap(await client.send(Uint8Array.of(1)));
      }
    });

    it('wakes a blocked thread when there is work', async () => {
      const server = await scene.server();
      const { client, accepted } = await scene.pair(server);
      const received = new Promise((resolve) => {
        accepted.setMessageCallback(resolve);
      });
      accepted.startReceiving();
      expect(sharedMemory(accepted).waitForWork(1)).to.equal(false);
      unwrap(client.trySend(Uint8Array.of(1)));
      expect(sharedMemory(accepted).waitForWork(10_000)).to.equal(true);
      await received;
    });

    it('wakes a blocked thread when there is room after a refusal', async () => {
      const server = await scene.server();
      const child = scene.fork('read');
      await once(child, 'message');
      const accepted = unwrap(await server.accept());
      scene.onClose(() => accepted.disconnect());
      accepted.startReceiving();
      child.kill('SIGSTOP');
      let isFull = false;
      while (!isFull) {
        while (accepted.trySend(new Uint8Array(1000)).ok);
        isFull = !sharedMemory(accepted).waitForWork(50);
        await new Promise(setImmediate);
      }
      const drained = new Promise<void>((resolve) => {
        accepted.once('drain', () => {
          resolve();
        });
      });
      // By another process, which goes on while this thread blocks.
      spawn('kill', ['-CONT', String(child.pid)]);
      expect(sharedMemory(accepted).waitForWork(60_000)).to.equal(true);
      await drained;
      unwrap(accepted.trySend(new Uint8Array(1000)));
    });

    it('withdraws the declaration of a blocked sender before it wakes it', async () => {
      const server = await scene.server();
      const { region, socket } = await scene.rawClient();
      const accepted = unwrap(await server.accept());
      scene.onClose(() => accepted.disconnect());
      const received = new Promise((resolve) => {
        accepted.setMessageCallback(resolve);
      });
      const { words, bytes, ringCapacity: capacity } = region;
      const [own, peer] = [sideLayout('client', capacity), sideLayout('server', capacity)];
      Atomics.store(words, own.waitsForRoom, 1);
      Atomics.store(words, own.sleep, SLEEPS_ON_FUTEX);
      const location = { tail: own.tail, head: peer.head, consumerSleep: peer.sleep, producerWaits: own.waitsForRoom };
      const writer = new RingWriter(
        { words, bytes, capacity, start: own.ringStart, ...location },
        { onWake: () => undefined, onCorrupted: () => undefined },
      );
      writer.tryWrite(frameHeader(FrameType.Message, 0), Uint8Array.of(7), 0, 1);
      socket.ring();
      accepted.startReceiving();
      await received;
      await new Promise(setImmediate);
      expect([words[own.sleep], words[own.waitsForRoom]]).to.deep.equal([AWAKE, 0]);
    });

    it('wakes a thread that blocks when the peer dies', async () => {
      const server = await scene.server();
      const child = scene.fork('read');
      await once(child, 'message');
      const accepted = unwrap(await server.accept());
      accepted.startReceiving();
      const failed = reached(accepted, 'failed');
      expect(sharedMemory(accepted).waitForWork(1)).to.equal(false);
      child.kill('SIGKILL');
      expect(sharedMemory(accepted).waitForWork(15_000)).to.equal(true);
      expect(await failed).to.have.property('code', 'PeerDied');
    });
  });

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
