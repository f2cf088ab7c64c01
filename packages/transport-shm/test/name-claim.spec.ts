import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { unwrap } from '@entropynet/core';
import { NameClaim } from '@entropynet/transport-shm/internal/discovery/name-claim';
import { publishDiscoveryRegion } from '@entropynet/transport-shm/internal/discovery/discovery-region';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import type { NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { expect } from 'chai';
import { itWithAddon, nativeBinding, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { leaveOut } from '@entropynet/test/support/leave-out';

/** The addon; after the first `notes` times it has no memory left to note what is removed at exit. */
function withoutNotes(binding: NativeBinding, notes: number): NativeBinding {
  let left = notes;
  return Object.create(binding, {
    removeAtExit: {
      value: (path: string) => {
        left -= 1;
        if (left < 0) throw Object.assign(new Error(`ENOMEM: not enough memory, ${path}`), { code: 'ENOMEM' });
        binding.removeAtExit(path);
      },
    },
  }) as NativeBinding;
}

/** The sockets of this directory that exist in the system, whether they still have a name or not. */
function socketsIn(directory: string): string[] {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((line) => line.includes(directory));
}

describe("taking a name fails if its removal at exit can't be registered", () => {
  before(function () {
    if (process.platform !== 'linux') leaveOut(this, 'only Linux has a file that lists the sockets');
  });

  for (const [what, notes] of [
    ['the socket', 0],
    ['the discovery region', 1],
  ] as const) {
    itWithAddon(`${what}: no listening socket and no file stays, and the name is free`, async () => {
      const scene = new Scene();
      const real = nativeBinding()!;
      const options = { directory: scene.directory, name: 'noted', shown: 'noted', maxConnections: 1, timeoutMs: 5000 };
      try {
        const before = readdirSync('/proc/self/fd').length;
        const refused = await NameClaim.take({ ...options, binding: withoutNotes(real, notes) });
        expect(refused.ok ? 'taken' : refused.error.message).to.include(scene.directory);
        expect(socketsIn(scene.directory), 'sockets').to.deep.equal([]);
        expect(readdirSync(scene.directory), 'files').to.deep.equal([]);
        expect(readdirSync('/proc/self/fd').length, 'descriptors').to.equal(before);

        const taken = await NameClaim.take({ ...options, binding: real });
        expect(taken.ok).to.equal(true);
        if (!taken.ok) return;
        expect(socketsIn(scene.directory)).to.have.length(1);
        await taken.value.release(5000);
      } finally {
        await scene.close();
      }
    });
  }
});

describe('creating names again', () => {
  itWithAddon('after a partial failure, the replaced socket comes back and is closed', async function () {
    if (process.platform === 'win32') leaveOut(this, "nothing removes a pipe's name on Windows");
    const scene = new Scene();
    const options = {
      directory: scene.directory,
      name: 'halves',
      shown: 'halves',
      maxConnections: 1,
      timeoutMs: 5000,
    };
    const names = serverNames(scene.directory, options.name);
    const taken = await NameClaim.take({ ...options, binding: nativeBinding()! });
    try {
      expect(taken.ok).to.equal(true);
      if (!taken.ok) return;
      const claim = taken.value;
      const before = claim.socket;
      rmSync(names.socket);
      rmSync(names.region);
      const obstacle = `${names.region}.new`;
      mkdirSync(obstacle);
      const failed = await claim.renew();
      expect(failed.ok ? 'renewed' : failed.error.message).to.include(obstacle);
      expect(claim.socket, 'the socket that is served').to.equal(before);
      rmdirSync(obstacle);
      const renewed = await claim.renew();
      expect(renewed.ok && renewed.value, 'the socket that was replaced').to.equal(before);
      expect(claim.socket).not.to.equal(before);
      expect(claim.isIntact).to.equal(true);
      before.close();
    } finally {
      if (taken.ok) await taken.value.release(5000);
      await scene.close();
    }
  });
});

describe('a name that another server has taken', () => {
  const claimOf = (scene: Scene): Parameters<typeof NameClaim.take>[0] => ({
    binding: nativeBinding()!,
    directory: scene.directory,
    name: 'taken',
    shown: 'taken',
    maxConnections: 1,
    timeoutMs: 5000,
  });

  itWithAddon('comes back when that server was killed and has left its names', async function () {
    if (process.platform === 'win32') leaveOut(this, "nothing removes a pipe's name on Windows");
    const scene = new Scene();
    const binding = nativeBinding()!;
    const { region, socket } = serverNames(scene.directory, 'taken');
    const claim = unwrap(await NameClaim.take(claimOf(scene)));
    try {
      for (const path of [region, socket]) rmSync(path);
      const other = binding.LocalSocket.listen(socket, 1);
      const identity = { nonce: new Uint8Array(16), processId: 1, startTime: 1n, maxConnections: 1 };
      publishDiscoveryRegion(region, identity);
      const lock = binding.lockFile(region);
      const refused = await claim.renew();
      expect(refused.ok ? 'renewed' : refused.error.code).to.equal('AddressInUse');
      other.accept()!.close();
      unwrap(await claim.renew());
      expect(other.accept(), 'a second question').to.equal(null);
      expect(claim.isIntact).to.equal(false);
      // The system does both when it ends a process.
      other.close();
      binding.closeDescriptor(lock);
      unwrap(await claim.renew())?.close();
      expect(claim.isIntact).to.equal(true);
    } finally {
      await claim.release(5000);
      await scene.close();
    }
  });

  itWithAddon('stays with that server where sockets are no files, too', async function () {
    if (process.platform === 'win32') leaveOut(this, 'this system may keep the name of an open file');
    const scene = new Scene();
    const { region, socket } = serverNames(scene.directory, 'taken');
    const first = unwrap(await NameClaim.take({ ...claimOf(scene), socketsAreFiles: false }));
    for (const path of [region, socket]) rmSync(path);
    const second = unwrap(await NameClaim.take({ ...claimOf(scene), socketsAreFiles: false }));
    try {
      expect(first.isIntact).to.equal(false);
      const refused = await first.renew();
      expect(refused.ok ? 'renewed' : refused.error.code).to.equal('AddressInUse');
      expect(second.isIntact).to.equal(true);
    } finally {
      await first.release(5000);
      await second.release(5000);
      await scene.close();
    }
  });
});

describe('sharing a name', () => {
  itWithAddon(
    'a server whose names were removed takes another slot if another server has taken its own',
    async function () {
      if (process.platform === 'win32') leaveOut(this, "nothing removes a pipe's name on Windows");
      const scene = new Scene();
      const { directory } = scene;
      const options = { directory, name: 'many', shown: 'many', share: true, maxConnections: 1, timeoutMs: 5000 };
      const slotsInUse = (): number[] =>
        [0, 1, 2, 3].filter((slot) => {
          const { region, socket } = serverNames(directory, options.name, slot);
          return existsSync(socket) && existsSync(region) && nativeBinding()!.isFileLocked(region);
        });
      const claims: NameClaim[] = [];
      const take = async (): Promise<NameClaim> => {
        const claim = unwrap(await NameClaim.take({ ...options, binding: nativeBinding()! }));
        claims.push(claim);
        return claim;
      };
      try {
        await take();
        const second = await take();
        expect(slotsInUse()).to.deep.equal([0, 1]);
        const lost = serverNames(directory, options.name, 1);
        for (const path of [lost.region, lost.socket]) rmSync(path);
        await take();
        expect(slotsInUse()).to.deep.equal([0, 1]);
        expect(second.isIntact).to.equal(false);
        unwrap(await second.renew())?.close();
        expect(claims.map(({ isIntact }) => isIntact)).to.deep.equal([true, true, true]);
        expect(slotsInUse()).to.deep.equal([0, 1, 2]);
      } finally {
        for (const claim of claims) await claim.release(5000);
        expect(readdirSync(directory)).to.deep.equal([]);
        await scene.close();
      }
    },
  );
});
