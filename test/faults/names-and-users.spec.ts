import { expect } from 'chai';
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import type { TransportFixture } from '@entropynet/conformance';
import {
  encodeServerIdentity,
  publishDiscoveryRegion,
} from '@entropynet/transport-shm/internal/discovery/discovery-region';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import { freshName } from '../support/fresh-name.js';
import { addon, describeFaults, faultTest, linux, superuser } from './support/fault-test.js';
import { expectServing, ownProcess } from './support/processes.js';
import { asOtherUser, giveToOtherUser, OTHER_USER } from './support/other-user.js';
import { worldOf } from './support/world.js';

describeFaults('names and another user', () => {
  const needs = [addon, superuser, linux];

  faultTest('H16', 'has made the directory first', needs, async ({ scope, saw }) => {
    const world = worldOf(scope);
    const stranger = await ownProcess(scope, world.fixture, asOtherUser());
    const directory = join(world.directory, 'squatted');
    mkdirSync(directory, { mode: 0o777 });
    const config = { ...world.config, sharedMemory: { ...world.config.sharedMemory, directory } };
    giveToOtherUser(directory);
    for (const create of ['createServer', 'createConnection'] as const) {
      const outcome = await attempt(scope, world.fixture, create, config);
      expect(outcome).to.include('SharedMemoryPermission').and.include(`belongs to user ${OTHER_USER}`);
      saw(outcome.replace(directory, '…'));
    }
    expect(stranger.isAlive).to.equal(true);
  });

  faultTest('H16', 'may write to the directory', needs, async ({ scope, saw }) => {
    const world = worldOf(scope);
    chmodSync(world.directory, 0o777);
    scope.defer(() => chmodSync(world.directory, 0o700));
    const outcome = await attempt(scope, world.fixture, 'createServer', world.config);
    expect(outcome).to.include('chmod 700');
    saw(outcome.replace(world.directory, '…'));
  });

  faultTest('H16', 'has put a link in the place of the directory', needs, async ({ scope, saw }) => {
    const world = worldOf(scope);
    const directory = join(world.directory, 'link');
    symlinkSync('/etc', directory);
    const config = { ...world.config, sharedMemory: { ...world.config.sharedMemory, directory } };
    for (const create of ['createServer', 'createConnection'] as const) {
      const outcome = await attempt(scope, world.fixture, create, config);
      expect(outcome).to.include('SharedMemoryPermission').and.include('links are not followed');
      saw(outcome.replace(directory, '…'));
    }
  });

  faultTest('H16', "owns a server's region or the server itself", needs, async ({ scope, saw }) => {
    const world = worldOf(scope);
    const identity = { nonce: new Uint8Array(16), processId: 1, startTime: 1n, maxConnections: 5 };
    writeFileSync(world.names.region, encodeServerIdentity(identity));
    giveToOtherUser(world.names.region);
    const region = await attempt(scope, world.fixture, 'createConnection', world.config);
    expect(region).to.include('SharedMemoryPermission').and.include("only its server's user");
    rmSync(world.names.region);

    // This user owns the file, but another user owns the process that answers at the socket.
    publishDiscoveryRegion(world.names.region, identity);
    const open = join(world.directory, 'open');
    mkdirSync(open, { mode: 0o777 });
    chmodSync(world.directory, 0o755);
    chmodSync(open, 0o777);
    const stranger = await ownProcess(scope, world.fixture, asOtherUser());
    const theirs = join(open, 'theirs');
    const name = freshName();
    await stranger.actions.listen({ endpoint: name, sharedMemory: { directory: theirs } });
    symlinkSync(serverNames(theirs, name).socket, world.names.socket);
    const socket = await attempt(scope, world.fixture, 'createConnection', world.config);
    expect(socket).to.include('SharedMemoryPermission').and.include(`belongs to user ${OTHER_USER}`);
    saw(socket.replace(world.directory, '…'));
    await stranger.actions.reset();
  });

  faultTest('H17', 'connects to a server', needs, async ({ scope, saw }) => {
    const world = worldOf(scope);
    const server = scope.add(world.fixture.createTransport().createServer(world.config));
    unwrap(await server.listen());
    for (const [path, mode] of [
      [world.directory, 0o700],
      [world.names.region, 0o600],
      [world.names.socket, 0o600],
    ] as const) {
      expect(statSync(path).mode & 0o777, path).to.equal(mode);
    }
    const stranger = await ownProcess(scope, world.fixture, asOtherUser());
    expect(await stranger.actions.connect(world.config)).to.equal('SharedMemoryPermission');
    // Even with wider modes, the server asks the kernel for the user of the client.
    chmodSync(world.directory, 0o755);
    for (const path of [world.names.region, world.names.socket]) chmodSync(path, 0o666);
    expect(await stranger.actions.connect(world.config)).to.equal('SharedMemoryPermission');
    expect(await stranger.actions.rawConnect(world.names.socket)).to.equal('closed without an answer');
    chmodSync(world.directory, 0o700);
    chmodSync(world.names.region, 0o600);
    chmodSync(world.names.socket, 0o600);
    await expectServing(scope, world.fixture, world.config, () => server.accept());
    saw('SharedMemoryPermission; past the modes, closed without an answer');
  });
});

/** Returns the code and the sentence of a failed server or client; `ok` if it did not fail. */
async function attempt(
  scope: Scope,
  fixture: TransportFixture,
  create: 'createServer' | 'createConnection',
  config: ConnectionConfig,
): Promise<string> {
  const transport = fixture.createTransport();
  const result =
    create === 'createServer'
      ? await scope.add(transport.createServer(config)).listen()
      : await scope.add(transport.createConnection(config)).connect();
  return result.ok ? 'ok' : `${result.error.code}: ${result.error.message}`;
}
