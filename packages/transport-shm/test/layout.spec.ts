import { expect } from 'chai';
import { unwrap } from '@entropynet/core';
import { loadNativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import * as layout from '@entropynet/transport-shm/internal/region/layout';
import { itWithAddon } from '@entropynet/test/support/shared-memory/shared-memory-support';

describe('the layout of a region', () => {
  itWithAddon('has the same constants in TypeScript and in C++', () => {
    const fromNative = { ...unwrap(loadNativeBinding()).layout };
    const fromTypeScript = Object.fromEntries(
      Object.entries<unknown>({ ...layout })
        .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
        .map(([name, value]) => [camelCase(name), value]),
    );
    expect(fromTypeScript).to.deep.equal(fromNative);
  });

  it('has one writer for each cache line', () => {
    const line = (offset: number): number => Math.floor(offset / 64);
    expect(
      new Set([layout.SERVER_TAIL_OFFSET, layout.SERVER_HEAD_OFFSET, layout.SERVER_CLOSED_OFFSET].map(line)),
    ).to.deep.equal(new Set([1]));
    expect(
      new Set([layout.CLIENT_TAIL_OFFSET, layout.CLIENT_HEAD_OFFSET, layout.CLIENT_CLOSED_OFFSET].map(line)),
    ).to.deep.equal(new Set([2]));
    expect(new Set([layout.SERVER_SLEEP_OFFSET, layout.CLIENT_WAITS_FOR_ROOM_OFFSET].map(line))).to.deep.equal(
      new Set([3]),
    );
  });

  it('gives each ring half of what the control block leaves, aligned', () => {
    for (const bytes of [65_536, 65_537, 100_000, 4 * 1024 * 1024]) {
      const capacity = layout.ringCapacityOf(bytes);
      expect(capacity % layout.FRAME_ALIGNMENT).to.equal(0);
      expect(layout.CONTROL_BLOCK_BYTES + 2 * capacity).to.be.at.most(bytes);
      expect(layout.CONTROL_BLOCK_BYTES + 2 * (capacity + layout.FRAME_ALIGNMENT)).to.be.above(bytes);
    }
  });
});

/** `SERVER_TAIL_OFFSET` as `serverTailOffset`. */
function camelCase(name: string): string {
  return name.toLowerCase().replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
