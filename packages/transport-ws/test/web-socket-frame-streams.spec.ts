import { expect } from 'chai';
import fc from 'fast-check';
import { MAX_MESSAGE_BYTES } from '@entropynet/transport-ws/internal/protocol/web-socket-protocol';
import { rawFrame } from '@entropynet/test/support/web-socket/raw-web-socket';
import { FrameReaderBench, messageFrame, pattern } from './frame-reader-bench.js';

const length = fc.oneof(
  fc.nat({ max: 140 }),
  fc.constantFrom(125, 126, 127, 16_383, 16_384, 65_535, 65_536, MAX_MESSAGE_BYTES),
);
const control = fc.record({ opcode: fc.constantFrom(9, 10), payload: fc.uint8Array({ maxLength: 125 }) });

/** A message in fragments: their lengths, and whether a ping comes after each of them but the last. */
const fragments = fc.record({
  lengths: fc.array(
    fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 200 }) }, { weight: 1, arbitrary: fc.constant(60_000) }),
    { minLength: 2, maxLength: 4 },
  ),
  hasPings: fc.boolean(),
});

/** Something that is no message, and after which nothing is. */
const foreign = fc.constantFrom(
  { opcode: 8, payload: Buffer.from([3, 232]) },
  { opcode: 1, payload: Buffer.from('text') },
  { opcode: 0, payload: Buffer.from('a fragment of nothing') },
  { opcode: 1, isFinal: false, payload: Buffer.from('a piece of text') },
  { opcode: 9, isFinal: false },
  { opcode: 9, payload: new Uint8Array(126) },
  { opcode: 2, reserved: 4 },
  { opcode: 3 },
  { opcode: 2, claimedLength: BigInt(MAX_MESSAGE_BYTES) + 1n },
  { opcode: 2, claimedLength: 2n ** 62n },
  { opcode: 2, isMasked: false, payload: Buffer.from('with the wrong mask bit') },
);

describe('a stream of WebSocket frames', () => {
  for (const masking of ['none', 'zero', 'random'] as const) {
    const isMasked = masking !== 'none';
    const item = fc.oneof(
      { weight: 3, arbitrary: length },
      { weight: 1, arbitrary: control },
      { weight: 1, arbitrary: fragments },
    );

    it(`delivers messages and passes the rest to ws, in order, for any cuts between chunks, mask: ${masking}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(item, { maxLength: 6 }),
          fc.option(foreign, { nil: undefined }),
          fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
          fc.array(fc.nat({ max: 40 }), { maxLength: 20 }),
          async (items, last, cutsAnywhere, cutsNearTheStart) => {
            const wanted = new FrameReaderBench();
            const frames: Buffer[] = [];
            items.forEach((each, index) => {
              if (typeof each === 'number') {
                const payload = pattern(each, index);
                frames.push(messageFrame(payload, masking));
                wanted.log.push({ what: 'message', bytes: Buffer.from(payload) });
              } else if ('lengths' in each) {
                const payloads = each.lengths.map((size, at) => pattern(size, at));
                payloads.forEach((payload, at) => {
                  const isFinal = at === payloads.length - 1;
                  frames.push(rawFrame({ opcode: at === 0 ? 2 : 0, isFinal, payload, isMasked }));
                  if (isFinal || !each.hasPings) return;
                  const ping = rawFrame({ opcode: 9, payload: Uint8Array.of(at), isMasked });
                  frames.push(ping);
                  wanted.log.push({ what: 'ws', bytes: ping });
                });
                wanted.log.push({ what: 'message', bytes: Buffer.concat(payloads) });
              } else {
                const frame = rawFrame({ ...each, isMasked });
                frames.push(frame);
                wanted.log.push({ what: 'ws', bytes: frame });
              }
            });
            if (last !== undefined) {
              const wrong = rawFrame({ ...last, isMasked: 'isMasked' in last ? !isMasked : isMasked });
              // A message behind it is `ws`'s business too.
              const rest = Buffer.concat([wrong, messageFrame(pattern(9), masking)]);
              frames.push(rest);
              wanted.log.push({ what: 'ws', bytes: rest });
            }
            const bytes = Buffer.concat(frames);
            const cuts = [...cutsAnywhere.map((place) => Math.floor(place * bytes.length)), ...cutsNearTheStart]
              .filter((cut) => cut <= bytes.length)
              .sort((a, b) => a - b);
            const bench = new FrameReaderBench(isMasked);
            bench.arrive(bytes, cuts);
            await bench.read();
            expect(bench.joined).to.deep.equal(wanted.joined);
          },
        ),
        { numRuns: 300 },
      );
    });

    it(`understands a stream that arrives byte by byte, mask: ${masking}`, async () => {
      const payloads = [pattern(5), pattern(200), pattern(70_000)];
      const ping = rawFrame({ opcode: 9, payload: Buffer.from('there?'), isMasked });
      const [first, ...others] = payloads.map((payload) => messageFrame(payload, masking));
      const bytes = Buffer.concat([first!, ping, ...others]);
      const bench = new FrameReaderBench(isMasked);
      bench.arrive(
        bytes,
        Array.from({ length: bytes.length }, (_unused, index) => index),
      );
      await bench.read();
      expect(bench.joined.map(({ what }) => what)).to.deep.equal(['message', 'ws', 'message', 'message']);
      expect(bench.messages).to.have.length(3);
      const received = bench.log.filter(({ what }) => what === 'message');
      expect(received.every(({ bytes: each }, index) => each.equals(payloads[index]!))).to.equal(true);
    });
  }
});
