import { randomBytes } from 'node:crypto';
import { unwrap } from '@entropynet/core';
import { inspectSharedMemory } from '@entropynet/transport-shm';
import { MADE_AT_OFFSET } from '@entropynet/transport-shm/internal/region/layout';
import { linkKeyOf } from '@entropynet/transport-shm/internal/region/link-key';
import { SharedMemoryRegion } from '@entropynet/transport-shm/internal/region/shared-memory-region';
import { expect } from 'chai';
import { itWithAddon, nativeBinding, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { leaveOut } from '@entropynet/test/support/leave-out';

const LAST_MOMENT = 8_640_000_000_000_000n;

describe('a region that is inspected', () => {
  before(function () {
    if (process.platform !== 'linux') leaveOut(this, 'only Linux shows regions from outside');
  });

  itWithAddon('has no creation time if the time in its control block is impossible', async () => {
    const scene = new Scene();
    const binding = nativeBinding()!;
    const identity = randomBytes(16);
    const block = { identity, serverProcessId: process.pid, clientProcessId: process.pid };
    const { region, descriptor } = unwrap(SharedMemoryRegion.create(binding, 'direct', 65_536, block));
    const madeAt = (time: bigint): number | undefined => {
      new DataView(region.bytes.buffer).setBigUint64(MADE_AT_OFFSET, time, true);
      const { regions } = unwrap(inspectSharedMemory({ directory: scene.directory }));
      const found = regions.find(({ linkKey }) => linkKey === linkKeyOf(identity));
      expect(found).not.to.equal(undefined);
      return found?.madeAt;
    };
    try {
      expect(madeAt(LAST_MOMENT)).to.equal(Number(LAST_MOMENT));
      expect(madeAt(LAST_MOMENT + 1n)).to.equal(undefined);
      expect(madeAt(2n ** 64n - 1n)).to.equal(undefined);
    } finally {
      region.unmap();
      binding.closeDescriptor(descriptor);
      await scene.close();
    }
  });
});
