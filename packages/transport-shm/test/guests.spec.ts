import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { grantResult, GuestRight, guestsOf } from '@entropynet/transport-shm/internal/discovery/guests';
import type { NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { sharedMemorySection } from '@entropynet/transport-shm/internal/shared-memory-options';
import { codeOf, failureOf } from '@entropynet/conformance/tools';
import { resolveOwnConfig, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { nativeBinding, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { leaveOut } from '@entropynet/test/support/leave-out';

const GROUP = 54_323;

/** The addon of a system that has not these functions. */
function without(...names: (keyof NativeBinding)[]): NativeBinding {
  const gone = names.map((name) => [name, { value: undefined }] as const);
  return Object.create(nativeBinding()!, Object.fromEntries(gone)) as NativeBinding;
}

const guests = (users: number[], groups: number[]): { users: Uint32Array; groups: Uint32Array } => ({
  users: Uint32Array.from(users),
  groups: Uint32Array.from(groups),
});

describe('guests of a server', () => {
  let scene: Scene;
  let path: string;

  before(function () {
    if (process.platform === 'win32') leaveOut(this, 'a server on Windows has no guests');
    if (nativeBinding() === undefined) leaveOut(this, 'the addon is not built');
  });

  beforeEach(() => {
    scene = new Scene();
    path = join(scene.directory, 'file');
    writeFileSync(path, '', { mode: 0o600 });
  });

  afterEach(() => scene.close());

  it('are one group by the mode of the file if the file system has no access lists', function () {
    if (process.geteuid?.() !== 0) leaveOut(this, 'only root can give a file to any group');
    const plain = without('grantAccess');
    unwrap(grantResult(plain, guests([], [GROUP]), path, GuestRight.Read));
    expect([statSync(path).mode & 0o777, statSync(path).gid]).to.deep.equal([0o640, GROUP]);
    unwrap(grantResult(plain, guests([], [GROUP]), path, GuestRight.Connect));
    expect(statSync(path).mode & 0o777).to.equal(0o660);
    const other = failureOf(
      grantResult(plain, guests([], [GROUP + 1]), path, GuestRight.Read),
      'SharedMemoryPermission',
    );
    expect(other.message).to.include(`open to group ${GROUP} already`);
  });

  it('are refused there where they are users or several groups', () => {
    for (const many of [guests([1], []), guests([1], [2]), guests([], [1, 2])])
      expect(codeOf(grantResult(without('grantAccess'), many, path, GuestRight.Read))).to.equal('NotSupported');
    expect(statSync(path).mode & 0o777).to.equal(0o600);
  });

  it('get no right back that the mode of the file has taken from others', function () {
    if (process.platform !== 'linux' || process.geteuid?.() !== 0) leaveOut(this, 'it needs root on Linux');
    const binding = nativeBinding()!;
    unwrap(grantResult(binding, guests([1], []), path, GuestRight.Read));
    expect(statSync(path).mode & 0o777).to.equal(0o640);
    chmodSync(path, 0o600);
    unwrap(grantResult(binding, guests([2], []), path, GuestRight.Enter));
    // The most that any of them may: the right to read is gone.
    expect(statSync(path).mode & 0o777).to.equal(0o610);
  });

  it('are named without control characters if the system has no such user', () => {
    const { sharedMemory } = unwrap(
      resolveOwnConfig(
        { endpoint: 'any', sharedMemory: { directory: scene.directory, allowedUsers: ['nobody\u001b[2J'] } },
        sharedMemorySection,
      ),
    );
    const { message } = failureOf(guestsOf(nativeBinding()!, sharedMemory), 'InvalidParameter');
    expect(message).to.include('sharedMemory.allowedUsers').and.not.include('\u001b');
  });

  it('are refused if users have no numbers', () => {
    const { sharedMemory } = unwrap(
      resolveOwnConfig(
        { endpoint: 'any', sharedMemory: { directory: scene.directory, allowedUsers: [1] } },
        sharedMemorySection,
      ),
    );
    const refused = failureOf(guestsOf(without('userIdOf'), sharedMemory), 'NotSupported');
    expect(refused.message).to.include('sharedMemory.allowedUsers');
  });
});
