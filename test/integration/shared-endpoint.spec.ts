import { expect } from 'chai';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, failureOf, Scope, until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import {
  inspectSharedMemory,
  removeLeftovers,
  SharedMemoryConnection,
  SharedMemoryServer,
} from '@entropynet/transport-shm';
import { runInProcess } from '../support/command-in-process.js';
import { freshName } from '../support/fresh-name.js';
import { nativeBinding } from '../support/shared-memory/shared-memory-support.js';
import { namesIn } from '../support/shared-memory/names-in.js';
import { leaveOut } from '../support/leave-out.js';

describe('a shared-memory endpoint of several servers', function () {
  this.timeout(30_000);

  let scope: Scope;
  let directory: string;
  let alone: ConnectionConfig;
  let sharing: ConnectionConfig;

  before(function () {
    if (nativeBinding() === undefined) leaveOut(this, 'the addon is not built');
  });

  beforeEach(() => {
    scope = new Scope();
    directory = mkdtempSync(join(tmpdir(), 'entropynet-'));
    scope.defer(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    alone = { endpoint: freshName(), sharedMemory: { directory, regionSize: 64 * 1024 } };
    sharing = { ...alone, sharedMemory: { ...alone.sharedMemory, share: true } };
  });

  afterEach(() => scope.dispose());

  async function listening(config: ConnectionConfig): Promise<SharedMemoryServer> {
    const server = scope.add(new SharedMemoryServer(config));
    unwrap(await server.listen());
    return server;
  }

  function client(): SharedMemoryConnection {
    return scope.add(new SharedMemoryConnection(alone));
  }

  it('is refused to a second server if one of the two does not ask for it', async () => {
    const first = await listening(alone);
    expect(codeOf(await new SharedMemoryServer(alone).listen())).to.equal('AddressInUse');
    const refused = failureOf(await new SharedMemoryServer(sharing).listen(), 'AddressInUse');
    expect(refused.message).to.include('does not share the name (sharedMemory.share)');
    await first.close();
    await listening(sharing);
  });

  it('is refused to a server alone as long as one of those that share lives, in whichever slot', async () => {
    const first = await listening(sharing);
    const second = await listening(sharing);
    const refuse = async (): Promise<string> =>
      failureOf(await new SharedMemoryServer(alone).listen(), 'AddressInUse').message;
    expect(await refuse()).to.include('set sharedMemory.share here, too');
    await first.close();
    expect(await refuse()).to.match(/[0-9a-f]{24}\.1\.(?:socket|region)\)/);
    await second.close();
    await listening(alone);
  });

  it('gives a client the next server if the first one has no connection left', async () => {
    const full: ConnectionConfig = { ...sharing, sharedMemory: { ...sharing.sharedMemory, maxConnections: 1 } };
    await listening(full);
    await listening(full);
    for (let count = 0; count < 2; count += 1) unwrap(await client().connect());
    expect(codeOf(await client().connect())).to.equal('ResourceLimitExceeded');
  });

  it('has at most 64 servers', async () => {
    for (let count = 0; count < 64; count += 1) await listening(sharing);
    const refused = failureOf(await new SharedMemoryServer(sharing).listen(), 'AddressInUse');
    expect(refused.message).to.include('64 servers');
    unwrap(await client().connect());
  });

  it('is listed server by server, and leaves nothing behind', async () => {
    const servers = [await listening(sharing), await listening(sharing)];
    expect(unwrap(await removeLeftovers({ directory })).living).to.equal(2);
    const named = await runInProcess(['doctor', '--directory', directory]);
    const isInspected = process.platform === 'linux';
    expect(named.output).to.include(
      isInspected ? '2 running, 2 of them with a name that servers share; 0 ended' : '2 running; 0 files',
    );
    if (isInspected) {
      const listed = unwrap(inspectSharedMemory({ directory })).servers.map(({ slot, isShared, process: running }) => ({
        slot,
        isShared,
        id: running?.id,
      }));
      expect(listed.sort((a, b) => a.slot - b.slot)).to.deep.equal([
        { slot: 0, isShared: true, id: process.pid },
        { slot: 1, isShared: true, id: process.pid },
      ]);
    }
    for (const server of servers) await server.close();
    expect(namesIn(directory)).to.deep.equal([]);
  });

  it('survives the loss of the names of one of its servers', async () => {
    await listening(sharing);
    await listening(sharing);
    const names = readdirSync(directory);
    for (const name of names) if (/^[0-9a-f]{24}\.(?:region|socket)$/.test(name)) rmSync(join(directory, name));
    unwrap(await client().connect());
    await until(() => readdirSync(directory).length === names.length, 'the names are there again');
  });
});
