import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope } from '@entropynet/conformance/tools';
import type { NetworkErrorCode } from '@entropynet/core';
import type { Scene } from '../support/shared-memory/shared-memory-support.js';
import { addon, describeFaults, faultTest, linux, superuser } from './support/fault-test.js';
import { type Answer, grant, IDENTITY } from './support/hostile.js';
import { meet, sceneOf } from './support/hostile-region.js';

const O_PATH = 0o10000000;

describeFaults('a server passes', () => {
  const expectRefused = async (
    scope: Scope,
    saw: (outcome: string) => void,
    code: NetworkErrorCode,
    answer: Answer,
  ): Promise<void> => {
    const outcome = await meet(scope, sceneOf(scope), answer);
    expect(outcome).to.equal(code);
    saw(outcome);
  };
  const openers: Readonly<Record<string, (scene: Scene) => [path: string, flags: string | number]>> = {
    'a file': (scene) => [join(scene.directory, 'file'), 'w+'],
    'a file in /dev/shm': () => [`/dev/shm/entropynet-test-${process.pid}`, 'w+'],
    'a directory': (scene) => [scene.directory, 'r'],
    'a device': () => ['/dev/zero', 'r+'],
    'a name without access (O_PATH)': () => ['/etc/hostname', O_PATH],
    'a FIFO': (scene) => {
      const path = join(scene.directory, 'fifo');
      expect(spawnSync('mkfifo', [path]).status).to.equal(0);
      return [path, 'r+'];
    },
  };
  for (const [what, open] of Object.entries(openers)) {
    faultTest('H9', what, [addon, linux], async ({ scope, saw }) => {
      const scene = sceneOf(scope);
      const [path, flags] = open(scene);
      const descriptor = openSync(path, flags);
      if (flags === 'w+') ftruncateSync(descriptor, 65_536);
      scope.defer(() => {
        closeSync(descriptor);
        if (path.startsWith('/dev/shm')) rmSync(path);
      });
      await expectRefused(scope, saw, 'SharedMemoryPermission', (socket, binding) => {
        grant(socket, binding, { descriptor });
      });
    });
  }

  faultTest('H9', 'nothing', [addon], ({ scope, saw }) =>
    expectRefused(scope, saw, 'HandshakeFailed', (socket, binding) => {
      grant(socket, binding, { descriptor: null });
    }),
  );

  for (const [what, byteLength, announced] of [
    ['larger than announced', 131_072, 65_536],
    ['smaller than announced', 65_536, 65_537],
    ['larger than asked for', 131_072, 131_072],
    ['announced without a byte', 65_536, 0],
    ['as large as the control block', 65_536, 256],
    ['that has room for no frame', 264, 264],
    ['below the least that is allowed', 65_535, 65_535],
    ['announced with 4 GiB', 65_536, 0xffff_ffff],
  ] as const) {
    faultTest(['H1', 'H9'], `a region ${what}`, [addon], ({ scope, saw }) =>
      expectRefused(scope, saw, 'SharedMemorySizeMismatch', (socket, binding) => {
        grant(socket, binding, { byteLength, announced });
      }),
    );
  }

  for (const word of [128, 132, 136, 200, 204]) {
    faultTest('H20', `a region with the client's word at ${word} written`, [addon], ({ scope, saw }) =>
      expectRefused(scope, saw, 'SharedMemoryCorrupted', (socket, binding) => {
        grant(socket, binding, { change: (bytes) => bytes.fill(8, word, word + 1) });
      }),
    );
  }

  faultTest('H9', 'another region than the announced one', [addon], ({ scope, saw }) =>
    expectRefused(scope, saw, 'SharedMemoryCorrupted', (socket, binding) => {
      grant(socket, binding, {
        change: (bytes) =>
          bytes.set(
            IDENTITY.map((byte) => byte + 1),
            16,
          ),
      });
    }),
  );

  faultTest('H9', 'huge pages (where the system has some)', [addon, linux, superuser], async ({ scope, saw }) => {
    const scene = sceneOf(scope);
    const folder = join(scene.directory, 'huge');
    mkdirSync(folder);
    const mounted = spawnSync('mount', ['-t', 'hugetlbfs', 'none', folder]);
    if (mounted.status !== 0) {
      saw('no hugetlbfs here: the kernel has none to pass');
      return;
    }
    scope.defer(() => spawnSync('umount', [folder]));
    const descriptor = openSync(join(folder, 'file'), 'w+');
    scope.defer(() => {
      closeSync(descriptor);
    });
    await expectRefused(scope, saw, 'SharedMemoryPermission', (socket, binding) => {
      grant(socket, binding, { descriptor });
    });
  });
});
