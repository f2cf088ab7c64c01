import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, type PeerHost, type Scope, scoped, startPeer, until } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { type InspectedRegion, inspectSharedMemory, SharedMemoryTransport } from '@entropynet/transport-shm';
import { expect } from 'chai';
import { RunningCommand } from '../support/command.js';
import { freshName } from '../support/fresh-name.js';

const transport = new SharedMemoryTransport();
const directory = mkdtempSync(join(tmpdir(), 'entropynet-'));
const config = { sharedMemory: { directory, regionSize: 64 * 1024 } };
const probe = await transport.probe({ endpoint: freshName(), ...config });
const isPossible = (probe.available || !probe.reason.includes('addon')) && process.platform === 'linux';

/** A server in another process and a connection to it. */
async function connect(scope: Scope): Promise<{ peer: PeerHost; connection: NetworkConnection }> {
  const specifier = '@entropynet/transport-shm';
  const peer = scope.add(await startPeer('other process', { specifier, className: 'SharedMemoryTransport' }));
  const endpoint = freshName();
  await peer.actions.listen({ endpoint, ...config });
  const connection = scope.add(transport.createConnection({ endpoint, ...config }));
  const accepting = peer.actions.accept({ receive: [] });
  unwrap(await connection.connect());
  await accepting;
  return { peer, connection };
}

/** The region that this process has with that server. */
function regionOf(peer: { readonly id: number }): InspectedRegion | undefined {
  const { regions } = unwrap(inspectSharedMemory({ directory }));
  return regions.find(({ client, server }) => client?.id === process.pid && server?.id === peer.id);
}

(isPossible ? describe : describe.skip)('inspecting shared memory', () => {
  after(() => rm(directory, { recursive: true, force: true }));

  it(
    'shows the connected processes, their ages, and the waiting bytes of the rings, without disturbing them',
    scoped(async (scope) => {
      const start = Date.now();
      const { peer, connection } = await connect(scope);
      const found = unwrap(inspectSharedMemory({ directory })).regions.filter(
        ({ client, server }) => client?.id === process.pid && server !== undefined && server.id !== process.pid,
      );
      expect(found.length).to.equal(1);
      const [region] = found as [InspectedRegion];
      expect(region.size).to.equal(64 * 1024);
      expect(region.madeAt).to.be.within(start, Date.now());
      expect(region.server?.command).to.include('peer-process.js');
      expect(region.server?.startedAt).to.be.within(start - 20_000, Date.now());
      expect(region.toServer).to.include({ filled: 0, isStalled: false, isClosed: false });
      await until(() => regionOf({ id: region.server!.id })?.toServer.receiver === 'doorbell', 'the server sleeps');

      // A stopped peer reads nothing, so the ring fills. Inspecting it wakes nobody.
      scope.defer(() => peer.signal('SIGCONT'));
      peer.signal('SIGSTOP');
      unwrap(connection.trySend(messageOf(1000, 1)));
      const one = regionOf({ id: region.server!.id })!.toServer;
      expect(one.filled).to.be.within(1000, 1100);
      expect(one.written).to.equal(region.toServer.written + one.filled);
      while (connection.trySend(messageOf(1000, 2)).ok);
      const full = regionOf({ id: region.server!.id })!.toServer;
      expect(full.isStalled).to.be.true;
      expect(full.filled).to.be.within(full.capacity - 1100, full.capacity);
      peer.signal('SIGCONT');
      await peer.actions.receive({});
      await until(() => regionOf({ id: region.server!.id })!.toServer.filled === 0, 'the ring is empty again');
      expect(connection.getState()).to.equal('connected');
      expect((await peer.actions.report()).errors).to.deep.equal([]);
    }),
  );

  it(
    'distinguishes living servers from dead ones, and shows no ended connection',
    scoped(async (scope) => {
      const { peer, connection } = await connect(scope);
      const living = unwrap(inspectSharedMemory({ directory })).servers;
      expect(living.map(({ process: owner }) => owner?.command.includes('peer-process.js'))).to.include(true);
      const id = living.find(({ process: owner }) => regionOf({ id: owner?.id ?? 0 }) !== undefined)!.process!.id;
      peer.signal('SIGKILL');
      await until(() => connection.getState() === 'failed', 'the death was noticed');
      await peer.ended;
      expect(regionOf({ id })).to.equal(undefined);
      const after = unwrap(inspectSharedMemory({ directory })).servers;
      expect(after.filter(({ process: owner }) => owner === undefined).length).to.be.at.least(1);
      expect(after.some(({ process: owner }) => owner?.id === id)).to.be.false;
    }),
  );

  it(
    'shows both ends of a connection inside one process',
    scoped(async (scope) => {
      const endpoint = freshName();
      const server = transport.createServer({ endpoint, ...config });
      scope.defer(() => server.close());
      unwrap(await server.listen());
      const connection = scope.add(transport.createConnection({ endpoint, ...config }));
      unwrap(await connection.connect());
      scope.add(unwrap(await server.accept()));
      expect(regionOf({ id: process.pid })?.client?.id).to.equal(process.pid);
    }),
  );

  it(
    'is shown by the command, to people and to programs',
    scoped(async (scope) => {
      const { peer } = await connect(scope);
      const line = ['inspect', '--directory', directory, '--interval', '50'];
      const shown = await scope.add(new RunningCommand(line, {}, '')).ended();
      expect(shown).to.include({ code: 0, errors: '' });
      expect(shown.output).to.include(`${directory}: `);
      expect(shown.output).to.match(/server \d+ since .*peer-process\.js/);
      expect(shown.output).to.match(/to client ░{20} +0\.0 % +\S+ B\/s {2}receiver /);
      const json = await scope.add(new RunningCommand([...line, '--json'], {}, '')).ended();
      const { regions } = JSON.parse(json.output) as { regions: { client?: { id: number }; toClient: object }[] };
      expect(regions.some(({ client }) => client?.id === process.pid)).to.be.true;
      expect(regions[0]?.toClient).to.have.property('bytesPerSecond');
      expect(peer.isAlive).to.be.true;
    }),
  );

  it(
    'says what is wrong with its options',
    scoped(async (scope) => {
      const end = await scope.add(new RunningCommand(['inspect', '--interval', '1'], {}, '')).ended();
      expect(end).to.include({ code: 2 });
      expect(end.errors).to.include("'1' is not a whole number from 50 to 2147483647");
    }),
  );
});
