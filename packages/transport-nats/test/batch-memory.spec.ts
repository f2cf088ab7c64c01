import { BatchMemory, MAX_BATCH_BYTES } from '@entropynet/transport-nats/internal/batch-memory';
import { MAX_FRAME_BYTES } from '@entropynet/transport-nats/internal/nats-protocol';
import { expect } from 'chai';

const MIB = 1024 * 1024;

describe('the memory of published messages', () => {
  it('is used again after the confirmation of a flush that began later', () => {
    const memory = new BatchMemory();
    const first = memory.take(MAX_BATCH_BYTES);
    memory.keep(first);
    expect(memory.take(MAX_BATCH_BYTES)).to.not.equal(first);
    memory.cover();
    const second = memory.take(MAX_BATCH_BYTES);
    memory.keep(second);
    expect(second).to.not.equal(first);
    memory.confirm();
    expect(memory.take(MAX_BATCH_BYTES)).to.equal(first);
    expect(memory.take(MAX_BATCH_BYTES)).to.not.equal(second);
  });

  it('is not used again after a break', () => {
    const memory = new BatchMemory();
    const before = memory.take(MAX_BATCH_BYTES);
    memory.keep(before);
    memory.cover();
    const behind = memory.take(MAX_BATCH_BYTES);
    memory.keep(behind);
    memory.forget();
    memory.confirm();
    memory.cover();
    memory.confirm();
    expect(memory.take(MAX_BATCH_BYTES)).to.not.be.oneOf([before, behind]);
  });

  it('is used again at once if no part of it was published', () => {
    const memory = new BatchMemory();
    const unused = memory.take(MAX_BATCH_BYTES);
    memory.give(unused);
    expect(memory.take(1)).to.equal(unused);
  });

  it('has the length that was asked for, up to the longest message and beyond', () => {
    const memory = new BatchMemory();
    for (const length of [1, MAX_BATCH_BYTES, MAX_BATCH_BYTES + 1, MAX_FRAME_BYTES, 2 * MAX_FRAME_BYTES, 3 * MIB]) {
      const taken = memory.take(length);
      expect(taken.length, `${length} bytes`).to.be.at.least(length);
      memory.give(taken);
      memory.give(memory.take(MAX_FRAME_BYTES));
    }
  });

  it('is kept up to 2 MiB', () => {
    const memory = new BatchMemory();
    const taken = Array.from({ length: (4 * MIB) / MAX_FRAME_BYTES }, () => memory.take(MAX_FRAME_BYTES));
    for (const each of taken) memory.keep(each);
    memory.cover();
    memory.confirm();
    const again = taken.map(() => memory.take(MAX_FRAME_BYTES));
    const reused = again.filter((each) => taken.includes(each));
    expect(reused.reduce((sum, { length }) => sum + length, 0)).to.be.within(MIB, 2 * MIB);
  });

  it('is kept again after a break', () => {
    const memory = new BatchMemory();
    for (let round = 0; round < 4; round += 1) {
      for (let bytes = 0; bytes < 2 * MIB; bytes += MAX_FRAME_BYTES) memory.keep(memory.take(MAX_FRAME_BYTES));
      memory.forget();
    }
    const last = memory.take(MAX_FRAME_BYTES);
    memory.keep(last);
    memory.cover();
    memory.confirm();
    expect(memory.take(MAX_FRAME_BYTES)).to.equal(last);
  });
});
