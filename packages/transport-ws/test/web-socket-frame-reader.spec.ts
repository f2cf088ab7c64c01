import { expect } from 'chai';
import fc from 'fast-check';
import { performance } from 'node:perf_hooks';
import { Duplex } from 'node:stream';
import { until } from '@entropynet/conformance/tools';
import { FrameType } from '@entropynet/core';
import { applyMask, envelopeBytes, seal } from '@entropynet/transport-ws/internal/node/message-envelope';
import { WebSocketFrameReader } from '@entropynet/transport-ws/internal/node/web-socket-frame-reader';
import { MAX_MESSAGE_BYTES } from '@entropynet/transport-ws/internal/protocol/web-socket-protocol';
import { rawFrame } from '@entropynet/test/support/web-socket/raw-web-socket';

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
  /** Whether the reader gave the peer up. */
  isRefused = false;
  readonly reader: WebSocketFrameReader;
  readonly wsListener = (chunk: Buffer): void => {
    this.given.push(chunk);
    this.log.push({ what: 'ws', bytes: Buffer.from(chunk) });
  };

  constructor(isMasked = false, isGreeted = true) {
    this.stream.on('data', this.wsListener);
    this.reader = new WebSocketFrameReader(
      this.stream,
      isMasked,
      (bytes, start, end, isOwned) => {
        this.messages.push({ bytes, start, end, isOwned });
        this.log.push({ what: 'message', bytes: Buffer.from(bytes.slice(start, end)) });
        this.onMessage?.(bytes);
      },
      () => (this.isRefused = true),
    );
    if (isGreeted) this.reader.allowFrames();
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

  /** All that has arrived was delivered. */
  async read(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.reader.whenRead(resolve);
    });
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

/** A message in fragments: their lengths. */
const fragments = fc.record({
  lengths: fc.array(
    fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 200 }) }, { weight: 1, arbitrary: fc.constant(70_000) }),
    { minLength: 2, maxLength: 4 },
  ),
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

describe('the reader of WebSocket frames', () => {
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
            const wanted = new Bench();
            const frames: Buffer[] = [];
            items.forEach((each, index) => {
              if (typeof each === 'number') {
                const payload = pattern(each, index);
                frames.push(messageFrame(payload, masking));
                wanted.log.push({ what: 'message', bytes: Buffer.from(payload) });
              } else if ('lengths' in each) {
                each.lengths.forEach((size, at) => {
                  const isFinal = at === each.lengths.length - 1;
                  const frame = rawFrame({ opcode: at === 0 ? 2 : 0, isFinal, payload: pattern(size, at), isMasked });
                  frames.push(frame);
                  wanted.log.push({ what: 'ws', bytes: frame });
                });
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
      const bench = new Bench(isMasked);
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

  it('transfers the memory of a long message, and lends the memory of a short one', async () => {
    const bench = new Bench();
    const long = messageFrame(pattern(LARGE), 'none');
    bench.arrive(Buffer.concat([messageFrame(pattern(100), 'none'), long]), [50, 1000]);
    // In one piece: most of the chunk is the message.
    bench.arrive(long);
    await bench.read();
    expect(bench.messages.map(({ isOwned }) => isOwned)).to.deep.equal([false, true, true]);
    const [, second] = bench.messages;
    expect(second?.bytes.buffer.byteLength).to.equal(LARGE);
  });

  it('lends a long message that is not the last of its chunk, so that its owner may detach its memory', async () => {
    const bench = new Bench();
    bench.onMessage = (bytes) => {
      if (bench.messages.at(-1)?.isOwned === true) structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
    };
    const [long, short] = [messageFrame(pattern(LARGE), 'none'), messageFrame(pattern(10), 'none')];
    const ping = rawFrame({ opcode: 9, payload: Buffer.from('there?'), isMasked: false });
    bench.arrive(Buffer.concat([long, short]));
    bench.arrive(Buffer.concat([long, ping.subarray(0, 3)]));
    bench.arrive(Buffer.concat([ping.subarray(3), long]));
    await bench.read();
    expect(bench.messages.map(({ isOwned }) => isOwned)).to.deep.equal([false, false, false, true]);
    expect(bench.joined.map(({ what }) => what)).to.deep.equal(['message', 'message', 'message', 'ws', 'message']);
    // What `ws` was given is nobody else's.
    expect(Buffer.concat(bench.given).equals(ping)).to.equal(true);
  });

  it('gives ws a run of control frames in one piece', async () => {
    const bench = new Bench(true);
    const ping = rawFrame({ opcode: 9, payload: Buffer.from('there?') });
    const message = messageFrame(pattern(10), 'zero');
    bench.arrive(Buffer.concat([ping, ping, ping, message, ping, ping]));
    await bench.read();
    expect(bench.given.map(({ length }) => length)).to.deep.equal([3 * ping.length, 2 * ping.length]);
  });

  const tooMuch = {
    'a message longer than any greeting': messageFrame(pattern(1025), 'zero'),
    'a longer text': rawFrame({ opcode: 1, payload: pattern(126) }),
    'a text in fragments': rawFrame({ opcode: 1, isFinal: false, payload: pattern(5) }),
    'fragments that are longer together': Buffer.concat([
      rawFrame({ opcode: 2, isFinal: false, payload: pattern(800) }),
      rawFrame({ opcode: 0, isFinal: false, payload: pattern(800) }),
    ]),
  };
  for (const [what, bytes] of Object.entries(tooMuch)) {
    it(`allocates no memory for ${what} before the peer has greeted`, async () => {
      const bench = new Bench(true, false);
      bench.arrive(messageFrame(pattern(1024), 'zero'));
      bench.arrive(bytes.subarray(0, bytes.length - 1));
      bench.arrive(messageFrame(pattern(9), 'zero'));
      await bench.read();
      expect(bench.isRefused).to.equal(true);
      expect(bench.messages).to.have.length(1);
      expect(Buffer.concat(bench.given).length).to.be.lessThan(1024);
    });
  }

  it('reads past ws again after a message in fragments, pings between them included', async () => {
    const bench = new Bench();
    const frame = (opcode: number, isFinal: boolean): Buffer =>
      rawFrame({ opcode, isFinal, payload: pattern(100), isMasked: false });
    const forWs = [frame(2, false), frame(9, true), frame(0, false), frame(0, true)];
    const message = messageFrame(pattern(10), 'none');
    bench.arrive(Buffer.concat([message, ...forWs, message, ...forWs, message]), [50, 400]);
    await bench.read();
    expect(bench.joined.map(({ what }) => what)).to.deep.equal(['message', 'ws', 'message', 'ws', 'message']);
  });

  it('leaves a whole message in the middle of fragments to ws, which refuses it', async () => {
    const bench = new Bench();
    const fragment = rawFrame({ opcode: 2, isFinal: false, payload: pattern(10), isMasked: false });
    bench.arrive(Buffer.concat([fragment, messageFrame(pattern(10), 'none'), messageFrame(pattern(9), 'none')]));
    await bench.read();
    expect(bench.joined.map(({ what }) => what)).to.deep.equal(['ws']);
  });

  it('lets timers and I/O run between slow messages, and keeps their order', async () => {
    const bench = new Bench();
    const turns: number[] = [];
    const timer = setInterval(() => turns.push(bench.messages.length), 1);
    bench.onMessage = () => {
      const until = performance.now() + 2;
      while (performance.now() < until);
    };
    const ping = rawFrame({ opcode: 9, payload: Buffer.from('there?'), isMasked: false });
    const frames = Array.from({ length: 20 }, (_unused, index) => messageFrame(Uint8Array.of(index), 'none'));
    // What arrives while something waits comes behind it.
    bench.arrive(Buffer.concat([...frames.slice(0, 10), ping]));
    bench.arrive(Buffer.concat(frames.slice(10)), [1, 8]);
    await until(() => bench.messages.length === 20, 'everything was delivered');
    clearInterval(timer);
    const values = bench.messages.map(({ bytes, start }) => bytes[start]);
    expect(values).to.deep.equal(Array.from({ length: 20 }, (_unused, index) => index));
    expect(bench.log.findIndex(({ what }) => what === 'ws')).to.equal(10);
    // Each message takes more than a slice.
    expect(new Set(turns).size).to.be.greaterThan(10);
  });

  it('delivers the rest of a chunk after a pause, before newer data', async () => {
    const bench = new Bench();
    bench.onMessage = () => {
      if (bench.messages.length === 2) bench.reader.pause();
    };
    const frames = Array.from({ length: 5 }, (_unused, index) => messageFrame(Uint8Array.of(index), 'none'));
    bench.arrive(Buffer.concat(frames.slice(0, 4)));
    bench.arrive(frames[4]!);
    expect(bench.messages).to.have.length(2);
    bench.reader.resume();
    await until(() => bench.messages.length === 5, 'everything was delivered');
    expect(bench.messages.map(({ bytes, start }) => bytes[start])).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it('does not tell ws that the stream has closed before everything was delivered', async () => {
    const stream = new Duplex({ read: () => undefined });
    const log: string[] = [];
    stream.on('data', () => undefined);
    stream.on('close', () => log.push('closed'));
    const sink = (): number => log.push('message');
    const reader = new WebSocketFrameReader(stream, false, sink, () => undefined);
    reader.allowFrames();
    reader.pause();
    stream.push(Buffer.concat([messageFrame(pattern(9), 'none'), messageFrame(pattern(9), 'none')]));
    await until(() => reader.isWaiting, 'the chunk has arrived');
    stream.destroy();
    await new Promise(setImmediate);
    expect(log).to.deep.equal([]);
    reader.resume();
    await until(() => log.length === 3, 'everything was delivered');
    expect(log).to.deep.equal(['message', 'message', 'closed']);
  });

  it('reuses the memory of fragments', async () => {
    const bench = new Bench();
    const fragment = pattern(LARGE);
    fragment[0] = FrameType.Fragment;
    const frame = messageFrame(fragment, 'none');
    for (let index = 0; index < 3; index += 1) bench.arrive(frame, [1000]);
    await bench.read();
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

  it('leaves everything to ws if ws reads in an unknown way', () => {
    const stream = new Duplex({ read: () => undefined });
    const seen: Buffer[] = [];
    const listener = (chunk: Buffer): void => {
      seen.push(chunk);
    };
    stream.on('data', listener);
    stream.on('data', listener);
    const messages: number[] = [];
    const sink = (_bytes: Uint8Array, start: number): number => messages.push(start);
    new WebSocketFrameReader(stream, false, sink, () => undefined);
    stream.emit('data', messageFrame(pattern(9), 'none'));
    expect(seen).to.have.length(2);
    expect(messages).to.have.length(0);
  });
});

describe('the mask of a WebSocket message', () => {
  it('is applied and removed correctly, at any position of the bytes', () => {
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
