import { expect } from 'chai';
import fc from 'fast-check';
import { HEAD, RingHarness, SLEEP, START, TAIL, WAITS } from './ring-harness.js';

const CAPACITY = 1024;
const payload = (length: number, seed = length): Uint8Array =>
  Uint8Array.from({ length }, (_unused, index) => (seed + index) & 0xff);

describe('a ring', () => {
  it('carries header and payload of every size up to its limit', () => {
    const ring = new RingHarness(CAPACITY);
    for (let length = 0; length <= ring.writer.maxFrameBytes; length += 1) {
      expect(ring.write(length, payload(length))).to.equal(true);
      expect(ring.drain(10)).to.equal(1);
      expect(ring.received.pop()).to.deep.equal({ header: length, bytes: payload(length) });
    }
    expect(ring.corruptions).to.deep.equal([]);
  });

  it('refuses frames that do not fit, and accepts them when there is room', () => {
    const ring = new RingHarness(CAPACITY);
    let written = 0;
    while (ring.write(written, payload(56))) written += 1;
    expect(written).to.equal(CAPACITY / 64);
    expect(ring.words[WAITS]).to.equal(1);
    expect(ring.drain(1000)).to.equal(written);
    expect(ring.roomReports).to.equal(1);
    expect(ring.writer.checkUnblocked()).to.equal(true);
    expect(ring.write(7, payload(56))).to.equal(true);
  });

  it('reports room once half of it is free, and not for every frame', () => {
    const ring = new RingHarness(CAPACITY);
    while (ring.write(0, payload(56)));
    ring.drain(1);
    expect(ring.roomReports).to.equal(0);
    expect(ring.writer.checkUnblocked()).to.equal(false);
    ring.drain(8);
    expect(ring.roomReports).to.equal(1);
    expect(ring.writer.checkUnblocked()).to.equal(true);
  });

  it('still owes a report to a refused sender when another frame finds room in between', () => {
    let looks = 0;
    const ring: RingHarness = new RingHarness(CAPACITY, () => {
      looks += 1;
      // The consumer reads a little between the two looks of the last write.
      if (looks === 4) ring.drain(2);
    });
    while (ring.write(0, payload(56)));
    // Each write that fitted looked once when it was published.
    looks = 2;
    expect(ring.write(0, payload(56))).to.equal(true);
    expect(ring.writer.checkUnblocked()).to.equal(false);
    ring.drain(1000);
    expect(ring.writer.checkUnblocked()).to.equal(true);
  });

  it('declares its need for room again after a stale report withdrew the declaration', () => {
    const ring = new RingHarness(CAPACITY);
    while (ring.write(0, payload(56)));
    Atomics.store(ring.words, WAITS, 0);
    expect(ring.writer.checkUnblocked()).to.equal(false);
    expect(ring.words[WAITS]).to.equal(1);
  });

  it('wakes a consumer that declared that it sleeps, once', () => {
    const ring = new RingHarness(CAPACITY);
    Atomics.store(ring.words, SLEEP, 1);
    ring.write(0, payload(1));
    ring.write(0, payload(1));
    expect(ring.wakes).to.equal(1);
    expect(ring.words[SLEEP]).to.equal(0);
  });

  it('publishes a batch at its end, with one look at whether the consumer sleeps', () => {
    const ring = new RingHarness(CAPACITY);
    Atomics.store(ring.words, SLEEP, 1);
    ring.writer.beginBatch();
    for (let index = 0; index < 5; index += 1) ring.write(index, payload(3));
    expect([ring.drain(10), ring.wakes]).to.deep.equal([0, 0]);
    ring.writer.endBatch();
    expect([ring.drain(10), ring.wakes]).to.deep.equal([5, 1]);
    Atomics.store(ring.words, SLEEP, 1);
    ring.writer.beginBatch();
    ring.writer.endBatch();
    expect(ring.wakes).to.equal(1);
  });

  it('publishes a long batch in parts, and before it asks for room', () => {
    const long = new RingHarness(64 * 1024);
    long.writer.beginBatch();
    for (let index = 0; index < 70; index += 1) long.write(index, payload(56));
    expect(long.drain(100)).to.equal(64);
    const full = new RingHarness(CAPACITY);
    full.writer.beginBatch();
    while (full.write(0, payload(56)));
    expect(full.drain(100)).to.equal(CAPACITY / 64);
    expect(full.roomReports).to.equal(1);
  });

  it('publishes nothing more of a batch in which the consumer turned out to be hostile', () => {
    const ring = new RingHarness(CAPACITY);
    ring.writer.beginBatch();
    for (let index = 0; index < 10; index += 1) ring.write(index, payload(56));
    Atomics.store(ring.words, HEAD, 8 * CAPACITY);
    while (ring.write(0, payload(56)));
    const tail = ring.words[TAIL];
    ring.writer.endBatch();
    expect(ring.words[TAIL]).to.equal(tail);
    expect(ring.corruptions).to.have.length(1);
  });

  it('shows nothing of a claim before its commit, and nothing at all of an aborted one', () => {
    const ring = new RingHarness(CAPACITY);
    ring.writer.tryClaim(10)?.fill(1);
    expect(ring.drain(10)).to.equal(0);
    ring.writer.abortClaim();
    ring.writer.tryClaim(4)?.set([1, 2, 3, 4]);
    ring.writer.commitClaim(9);
    ring.drain(10);
    expect(ring.received).to.deep.equal([{ header: 9, bytes: Uint8Array.of(1, 2, 3, 4) }]);
  });

  it('publishes no padding for an aborted claim, and writes the next frame in its place', () => {
    const ring = new RingHarness(CAPACITY);
    while (ring.writer.written + 208 <= CAPACITY) {
      ring.write(1, payload(200));
      ring.drain(1);
    }
    const { written } = ring.writer;
    ring.writer.tryClaim(240)?.fill(1);
    ring.writer.abortClaim();
    ring.writer.beginBatch();
    ring.writer.endBatch();
    expect([ring.writer.written, ring.words[TAIL]]).to.deep.equal([written, written]);
    ring.received.length = 0;
    ring.write(2, payload(240));
    ring.drain(10);
    expect(ring.received).to.deep.equal([{ header: 2, bytes: payload(240) }]);
    expect([ring.writer.written, ring.words[HEAD]]).to.deep.equal([CAPACITY + 248, CAPACITY + 248]);
  });

  it('prepares the next frame in free memory only', () => {
    const ring = new RingHarness(CAPACITY);
    ring.write(1, payload(56));
    ring.words.fill(7, (START + 64) >> 2);
    ring.writer.prepareFrame();
    expect([...ring.words.subarray((START + 64) >> 2, (START + 72) >> 2)]).to.deep.equal([0, 7]);
    ring.drain(1);
    // Now the place of the next frame holds the oldest one that the consumer has not read.
    while (ring.write(1, payload(56)));
    const full = ring.bytes.slice();
    ring.writer.prepareFrame();
    ring.writer.close();
    ring.writer.prepareFrame();
    expect(ring.bytes).to.deep.equal(full);
  });

  it('throws on the error of a claim after its memory was detached, if nobody handles it', () => {
    for (const isFull of [false, true]) {
      const ring = new RingHarness(CAPACITY);
      while (isFull && ring.write(1, payload(200))) {
        // Then the next claim looks at the consumer's position.
      }
      structuredClone(ring.bytes.buffer, { transfer: [ring.bytes.buffer as ArrayBuffer] });
      expect(() => ring.writer.tryClaim(200)).to.throw(TypeError);
      expect(ring.writer.tryClaim(200)).to.equal(undefined);
    }
  });

  it('delivers no frame after it was closed inside a delivery', () => {
    const ring = new RingHarness(CAPACITY);
    ring.onFrame = () => {
      ring.reader.close();
    };
    ring.write(1, payload(1));
    ring.write(2, payload(1));
    ring.drain(10);
    ring.drain(10);
    expect(ring.received.map((frame) => frame.header)).to.deep.equal([1]);
  });

  it('gives room back in the middle of a long delivery', () => {
    const ring = new RingHarness(CAPACITY);
    while (ring.write(0, payload(56)));
    const heads: number[] = [];
    ring.onFrame = () => heads.push(ring.words[HEAD] as number);
    ring.drain(1000);
    // Not before the frames that are free, and not only at the end.
    expect(heads.every((head, index) => head <= index * 64)).to.equal(true);
    expect(heads[CAPACITY / 2 / 64]).to.be.greaterThan(0);
    expect(ring.words[HEAD]).to.equal(CAPACITY);
  });

  it('goes to its start where a frame ends exactly at its end, and where padding fills the rest', () => {
    for (const [length, atEnd] of [
      [56, 0],
      [48, 16],
    ] as const) {
      const ring = new RingHarness(CAPACITY - 16 + atEnd);
      for (let count = 0; count < 200; count += 1) {
        expect(ring.write(count, payload(length))).to.equal(true);
        if (count % 3 === 2) expect(ring.drain(3)).to.equal(3);
      }
      ring.drain(3);
      expect(ring.received.map(({ header }) => header)).to.deep.equal(Array.from({ length: 200 }, (_, at) => at));
      expect(ring.corruptions).to.deep.equal([]);
    }
  });

  it('behaves as a bounded queue for any sequence of writes, claims and reads, also when positions wrap', () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), length: fc.integer({ min: 0, max: 248 }) }),
      fc.record({ kind: fc.constant('claim' as const), length: fc.integer({ min: 0, max: 248 }) }),
      fc.record({ kind: fc.constant('abort' as const), length: fc.integer({ min: 0, max: 248 }) }),
      fc.record({ kind: fc.constant('read' as const), length: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ kind: fc.constant('batch' as const), length: fc.integer({ min: 0, max: 60 }) }),
      fc.record({ kind: fc.constant('prepare' as const), length: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
        const ring = new RingHarness(CAPACITY);
        const expected: { header: number; bytes: Uint8Array }[] = [];
        for (const [index, { kind, length }] of operations.entries()) {
          const bytes = payload(length, index);
          if (kind === 'read') ring.drain(length);
          else if (kind === 'prepare') ring.writer.prepareFrame();
          else if (kind === 'batch') {
            ring.writer.beginBatch();
            for (let count = 0; count < 5; count += 1)
              if (ring.write(index, bytes)) expected.push({ header: index, bytes });
            ring.writer.endBatch();
          } else if (kind === 'write') {
            if (ring.write(index, bytes)) expected.push({ header: index, bytes });
          } else {
            const claimed = ring.writer.tryClaim(length);
            claimed?.set(bytes);
            ring.writer.prepareFrame();
            if (claimed === undefined || kind === 'abort') ring.writer.abortClaim();
            else {
              ring.writer.commitClaim(index);
              expected.push({ header: index, bytes });
            }
          }
        }
        ring.drain(1000);
        expect(ring.received).to.deep.equal(expected);
        expect(ring.corruptions).to.deep.equal([]);
      }),
      { numRuns: 300 },
    );
  });
});
