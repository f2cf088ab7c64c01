import { rmSync } from 'node:fs';
import { unwrap } from '@entropynet/core';
import { NameClaim } from '@entropynet/transport-shm/internal/discovery/name-claim';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import type { NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { leaveOut } from '@entropynet/test/support/leave-out';
import { describeWithScene, nativeBinding } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { expect } from 'chai';

/** The addon; `names` has the names that it removes when the process exits. */
function recording(binding: NativeBinding, names: Set<string>): NativeBinding {
  return Object.create(binding, {
    removeAtExit: {
      value: (path: string) => {
        binding.removeAtExit(path);
        names.add(path);
      },
    },
    forgetAtExit: {
      value: (path: string) => {
        binding.forgetAtExit(path);
        names.delete(path);
      },
    },
  }) as NativeBinding;
}

describeWithScene('the files of a server that the process removes when it exits', (scene) => {
  const names = new Set<string>();

  async function take(name: string, share: boolean): Promise<NameClaim> {
    const binding = recording(nativeBinding()!, names);
    const limits = { maxConnections: 1, timeoutMs: 5000 };
    const { directory } = scene();
    return unwrap(await NameClaim.take({ binding, directory, name, shown: name, share, ...limits }));
  }

  it('stay registered when a server of this process that has lost the name to it closes', async function () {
    if (process.platform === 'win32') leaveOut(this, "nothing removes a pipe's name on Windows");
    const { region, socket } = serverNames(scene().directory, 'lost');
    const first = await take('lost', false);
    for (const path of [region, socket]) rmSync(path);
    const second = await take('lost', false);
    await first.release(5000);
    const kept = [...names];
    await second.release(5000);
    expect(kept).to.have.members([region, socket]);
    expect([...names]).to.deep.equal([]);
  });

  it('stay registered when another server of this process takes the next slot of the name', async function () {
    if (process.platform === 'win32') leaveOut(this, 'a pipe of Windows is no file');
    const slots = [0, 1].map((slot) => serverNames(scene().directory, 'many', slot));
    const claims = [await take('many', true), await take('many', true)];
    const registered = [...names];
    for (const claim of claims) await claim.release(5000);
    expect(registered).to.have.members(slots.flatMap(({ region, socket }) => [region, socket]));
    expect([...names]).to.deep.equal([]);
  });
});
