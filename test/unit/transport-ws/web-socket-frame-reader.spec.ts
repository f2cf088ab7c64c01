import { expect } from 'chai';
import fc from 'fast-check';
import { Duplex } from 'node:stream';
import { FrameType } from '@entropynet/core';
import { applyMask, envelopeBytes, seal } from '@entropynet/transport-ws/internal/message-envelope';
import { WebSocketFrameReader } from '@entropynet/transport-ws/internal/web-socket-frame-reader';
import { MAX_MESSAGE_BYTES } from '@entropynet/transport-ws/internal/web-socket-protocol';
import { rawFrame } from '../../faults/support/raw-web-socket.js';
import { until } from '../../support/until.js';

const LARGE = 64 * 1024;

/** A stream, what stands in for `ws` on it, and the reader in between. */
class Bench {
  readonly stream = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, onDone) => {
      onDone();
    },
  });
  /** What was delivered, and the bytes that `ws` was given, in their order. */
  readonly log: { what: 'message' | 'ws'; bytes: Buffer }[] = [];
  readonly messages: { bytes: Uint8Array; start: number; end: number; isOwned: boolean }[] = [];
  /** The same bytes as `ws` got them. */
  readonly given: Buffer[] = [];
  onMessage: ((bytes: Uint8Array) => void) | undefined;
  readonly wsListener = (chunk: Buffer): void => {
    this.given.push(chunk);
    this.log.push({ what: 'ws', bytes: Buffer.from(chunk) });
  };

  constructor(isMasked = false, isGreeted = true) {
    this.stream.on('data', this.wsListener);
    const reader = new WebSocketFrameReader(this.stream, isMasked, (bytes, start, end, isOwned) => {
      this.messages.push({ bytes, start, end, isOwned });
      this.log.push({ what: 'message', bytes: Buffer.from(bytes.slice(start, end)) });
      this.onMessage?.(bytes);
    });
    if (isGreeted) reader.allowFrames();
  }

  /** Lets bytes arrive, cut at these places. */
  arrive(bytes: Buffer, cuts: readonly number[] = []): void {
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      // Memory of its own, as a read from a socket has.
      const chunk = Buffer.from(new Uint8Array(bytes.subarray(from, cut)).buffer);
      if (chunk.length > 0) this.stream.emit('data', chunk);
      from = cut;
    }
  }

  /** The log, with what `ws` got in several pieces in one. */
  get joined(): { what: string; bytes: string }[] {
    const joined: { what: string; bytes: Buffer }[] = [];
    for (const { what, bytes } of this.log) {
      const last = joined.at(-1);
      if (what === 'ws' && last?.what === 'ws') last.bytes = Buffer.concat([last.bytes, bytes]);
      else joined.push({ what, bytes });
    }
    return joined.map(({ what, bytes }) => ({ what, bytes: bytes.toString('base64') }));
  }
}

function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_unused, index) => (index * 31 + seed) & 0xff);
}

/** A frame as the frame writer makes it. */
function messageFrame(payload: Uint8Array, masking: 'none' | 'zero' | 'random'): Buffer {
  const start = envelopeBytes(payload.length, masking);
  const frame = Buffer.alloc(start + payload.length);
  frame.set(payload, start);
  seal(frame, start, masking);
  return frame;
}

const length = fc.oneof(
  fc.nat({ max: 140 }),
  fc.constantFrom(125, 126, 127, 16_383, 16_384, 65_535, 65_536, MAX_MESSAGE_BYTES),
);
const control = fc.record({ opcode: fc.constantFrom(9, 10), payload: fc.uint8Array({ maxLength: 125 }) });

/** Something that is no message, and after which nothing is. */
const foreign = fc.constantFrom(
  { opcode: 8, payload: Buffer.from([3, 232]) },
  { opcode: 1, payload: Buffer.from('text') },
  { opcode: 2, isFinal: false, payload: Buffer.from('a fragment') },
  { opcode: 9, isFinal: false },
  { opcode: 9, payload: new Uint8Array(126) },
  { opcode: 2, reserved: 4 },
  { opcode: 3 },
  { opcode: 2, claimedLength: BigInt(MAX_MESSAGE_BYTES) + 1n },
  { opcode: 2, claimedLength: 2n ** 62n },
  { opcode: 2, isMasked: false, payload: Buffer.from('with the wrong mask bit') },
);

describe('the reader of WebSocket frames', () => {
  for (const masking of ['none', 'zero', 'random'] as const) {
    const isMasked = masking !== 'none';
    const item = fc.oneof({ weight: 3, arbitrary: length }, { weight: 1, arbitrary: control });

    it(`delivers messages and gives the rest to ws, in order, wherever the chunks are cut, mask: ${masking}`, () => {
      fc.assert(
        fc.property(
          fc.array(item, { maxLength: 6 }),
          fc.option(foreign, { nil: undefined }),
          fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
          fc.array(fc.nat({ max: 40 }), { maxLength: 20 }),
          (items, last, cutsAnywhere, cutsNearTheStart) => {
            const wanted = new Bench();
            const frames: Buffer[] = [];
            items.forEach((each, index) => {
              if (typeof each === 'number') {
                const payload = pattern(each, index);
                frames.push(messageFrame(payload, masking));
                wanted.log.push({ what: 'message', bytes: Buffer.from(payload) });
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
            const bench = new Bench(isMasked);
            bench.arrive(bytes, cuts);
            expect(bench.joined).to.deep.equal(wanted.joined);
          },
        ),
        { numRuns: 300 },
      );
    });

    it(`understands a stream that arrives byte by byte, mask: ${masking}`, () => {
      const payloads = [pattern(5), pattern(200), pattern(70_000)];
      const ping = rawFrame({ opcode: 9, payload: Buffer.from('there?'), isMasked });
      const [first, ...others] = payloads.map((payload) => messageFrame(payload, masking));
      const bytes = Buffer.concat([first!, ping, ...others]);
      const bench = new Bench(isMasked);
      bench.arrive(
        bytes,
        Array.from({ length: bytes.length }, (_unused, index) => index),
      );
      expect(bench.joined.map(({ what }) => what)).to.deep.equal(['message', 'ws', 'message', 'message']);
      expect(bench.messages).to.have.length(3);
      const received = bench.log.filter(({ what }) => what === 'message');
      expect(received.every(({ bytes: each }, index) => each.equals(payloads[index]!))).to.equal(true);
    });
  }

  it('gives away the memory of a long message, and lends that of a short one', () => {
    const bench = new Bench();
    const long = messageFrame(pattern(LARGE), 'none');
    bench.arrive(Buffer.concat([messageFrame(pattern(100), 'none'), long]), [50, 1000]);
    // In one piece: most of the chunk is the message.
    bench.arrive(long);
    expect(bench.messages.map(({ isOwned }) => isOwned)).to.deep.equal([false, true, true]);
    const [, second] = bench.messages;
    expect(second?.bytes.buffer.byteLength).to.equal(LARGE);
  });

  it('lends a long message that is not the last of its chunk, so that whoever owns one may detach its memory', () => {
    const bench = new Bench();
    bench.onMessage = (bytes) => {
      if (bench.messages.at(-1)?.isOwned === true) structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
    };
    const [long, short] = [messageFrame(pattern(LARGE), 'none'), messageFrame(pattern(10), 'none')];
    const ping = rawFrame({ opcode: 9, payload: Buffer.from('there?'), isMasked: false });
    bench.arrive(Buffer.concat([long, short]));
    bench.arrive(Buffer.concat([long, ping.subarray(0, 3)]));
    bench.arrive(Buffer.concat([ping.subarray(3), long]));
    expect(bench.messages.map(({ isOwned }) => isOwned)).to.deep.equal([false, false, false, true]);
    expect(bench.joined.map(({ what }) => what)).to.deep.equal(['message', 'message', 'message', 'ws', 'message']);
    // What `ws` was given is nobody else's.
    expect(Buffer.concat(bench.given).equals(ping)).to.equal(true);
  });

  it('gives ws a run of control frames in one piece', () => {
    const bench = new Bench(true);
    const ping = rawFrame({ opcode: 9, payload: Buffer.from('there?') });
    const message = messageFrame(pattern(10), 'zero');
    bench.arrive(Buffer.concat([ping, ping, ping, message, ping, ping]));
    expect(bench.given.map(({ length }) => length)).to.deep.equal([3 * ping.length, 2 * ping.length]);
  });

  it('leaves a message to ws that is longer than a greeting, before there was one', () => {
    const bench = new Bench(true, false);
    const [greeting, long] = [messageFrame(pattern(1024), 'zero'), messageFrame(pattern(1025), 'zero')];
    bench.arrive(Buffer.concat([greeting, long.subarray(0, 20)]));
    expect(bench.joined.map(({ what }) => what)).to.deep.equal(['message', 'ws']);
  });

  it('uses the memory of fragments again, as nobody keeps it', () => {
    const bench = new Bench();
    const fragment = pattern(LARGE);
    fragment[0] = FrameType.Fragment;
    const frame = messageFrame(fragment, 'none');
    for (let index = 0; index < 3; index += 1) bench.arrive(frame, [1000]);
    expect(bench.messages.map(({ isOwned }) => isOwned)).to.deep.equal([false, false, false]);
    expect(new Set(bench.messages.map(({ bytes }) => bytes.buffer)).size).to.equal(1);
    expect(bench.log.every(({ bytes }) => bytes.equals(fragment))).to.equal(true);
  });

  it('reads what was left unread when the stream broke, from the middle of a message on', async () => {
    const bench = new Bench();
    const frame = messageFrame(pattern(300), 'none');
    bench.stream.push(Buffer.concat([frame, frame.subarray(0, 100)]));
    await until(() => bench.messages.length === 1, 'the first message came');
    bench.stream.pause();
    bench.stream.push(frame.subarray(100));
    bench.stream.push(frame);
    bench.stream.destroy();
    await until(() => bench.messages.length === 3, 'the rest came');
    expect(bench.joined.map(({ what }) => what)).to.deep.equal(['message', 'message', 'message']);
  });

  it('leaves all to ws where that does not read as it is known to', () => {
    const stream = new Duplex({ read: () => undefined });
    const seen: Buffer[] = [];
    const listener = (chunk: Buffer): void => {
      seen.push(chunk);
    };
    stream.on('data', listener);
    stream.on('data', listener);
    const messages: number[] = [];
    new WebSocketFrameReader(stream, false, (_bytes, start) => messages.push(start));
    stream.emit('data', messageFrame(pattern(9), 'none'));
    expect(seen).to.have.length(2);
    expect(messages).to.have.length(0);
  });
});

describe('the mask of a WebSocket message', () => {
  it('is put on and taken off alike, wherever the bytes lie', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 300 }),
        fc.nat({ max: 9 }),
        fc.nat({ max: 5 }),
        fc.integer(),
        (bytes, start, after, key) => {
          const memory = Buffer.from(pattern(start + bytes + after));
          const wanted = Buffer.from(memory);
          for (let index = 0; index < bytes; index += 1) wanted[start + index]! ^= (key >>> ((index & 3) * 8)) & 0xff;
          const masked = Buffer.from(memory);
          applyMask(masked, start, start + bytes, key);
          expect(masked.equals(wanted)).to.equal(true);
          applyMask(masked, start, start + bytes, key);
          expect(masked.equals(memory)).to.equal(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
