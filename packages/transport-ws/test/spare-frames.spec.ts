import { expect } from 'chai';
import { SpareFrames } from '@entropynet/transport-ws/internal/node/spare-frames';

const KIBIBYTE = 1024;

describe('spare frames', () => {
  it('are reused with the requested length, by one user at a time', () => {
    const frames = new SpareFrames();
    const first = frames.take(64 * KIBIBYTE);
    frames.give(first);
    const second = frames.take(40 * KIBIBYTE);
    expect(second.buffer).to.equal(first.buffer);
    expect(second.length).to.equal(40 * KIBIBYTE);
    expect(frames.take(40 * KIBIBYTE).buffer).to.not.equal(first.buffer);
    frames.give(second);
    expect(frames.take(64 * KIBIBYTE).buffer).to.equal(first.buffer);
  });

  it('are not used if they are too short, or much too long', () => {
    const frames = new SpareFrames();
    const spare = frames.take(64 * KIBIBYTE);
    frames.give(spare);
    for (const length of [65 * KIBIBYTE, 31 * KIBIBYTE]) {
      const frame = frames.take(length);
      expect(frame.buffer).to.not.equal(spare.buffer);
      expect(frame.length).to.equal(length);
    }
  });

  it('are not kept beyond 2 MiB', () => {
    const frames = new SpareFrames();
    const taken = Array.from({ length: 40 }, () => frames.take(64 * KIBIBYTE));
    for (const frame of taken) frames.give(frame);
    const known = new Set(taken.map((frame) => frame.buffer));
    const again = Array.from({ length: 40 }, () => frames.take(64 * KIBIBYTE));
    expect(again.filter((frame) => known.has(frame.buffer))).to.have.length(32);
  });

  it('of an unused length make room for those of a used length', () => {
    const frames = new SpareFrames();
    const large = [frames.take(1024 * KIBIBYTE), frames.take(1024 * KIBIBYTE)];
    for (const frame of large) frames.give(frame);
    const taken = Array.from({ length: 16 }, () => frames.take(64 * KIBIBYTE));
    for (const frame of taken) frames.give(frame);
    const known = new Set(taken.map((frame) => frame.buffer));
    const again = Array.from({ length: 16 }, () => frames.take(64 * KIBIBYTE));
    expect(again.every((frame) => known.has(frame.buffer))).to.equal(true);
    expect(frames.take(1024 * KIBIBYTE).buffer).to.equal(large[1]?.buffer);
  });

  it('longer than the whole list are not kept', () => {
    const frames = new SpareFrames();
    const kept = frames.take(64 * KIBIBYTE);
    frames.give(kept);
    frames.give(frames.take(2 * 1024 * KIBIBYTE + 1));
    expect(frames.take(64 * KIBIBYTE).buffer).to.equal(kept.buffer);
  });
});
