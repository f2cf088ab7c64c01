import { expect } from 'chai';
import { performance } from 'node:perf_hooks';
import { Duplex } from 'node:stream';
import { until } from '@entropynet/conformance/tools';
import { FrameType, type NetworkError } from '@entropynet/core';
import { inflate } from '@entropynet/transport-ws/internal/node/compression';
import { WebSocketFrameReader } from '@entropynet/transport-ws/internal/node/web-socket-frame-reader';
import { withoutMemory } from '@entropynet/test/support/without-memory';
import { rawFrame } from '@entropynet/test/support/web-socket/raw-web-socket';
import { FrameReaderBench, messageFrame, pattern } from './frame-reader-bench.js';

const LARGE = 64 * 1024;
const NO_EVENTS = { onUnknownPeer: () => undefined, onUnreadable: () => undefined, onShortage: () => undefined };

describe('the reader of WebSocket frames', () => {
  it('transfers the memory of a long message, and lends the memory of a short one', async () => {
    const bench = new FrameReaderBench();
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
    const bench = new FrameReaderBench();
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
    const bench = new FrameReaderBench(true);
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
      const bench = new FrameReaderBench(true, false);
      bench.arrive(messageFrame(pattern(1024), 'zero'));
      bench.arrive(bytes.subarray(0, bytes.length - 1));
      bench.arrive(messageFrame(pattern(9), 'zero'));
      await bench.read();
      expect(bench.isRefused).to.equal(true);
      expect(bench.messages).to.have.length(1);
      expect(Buffer.concat(bench.given).length).to.be.lessThan(1024);
    });
  }

  it('lets timers and I/O run between slow messages, and keeps their order', async () => {
    const bench = new FrameReaderBench();
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
    const bench = new FrameReaderBench();
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
    const reader = new WebSocketFrameReader(stream, false, { ...NO_EVENTS, onMessage: sink });
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

  it('ends the link if there is no memory for a message in several pieces, and reads nothing more', () => {
    const bench = new FrameReaderBench();
    const frame = messageFrame(pattern(LARGE), 'none');
    withoutMemory(() => {
      bench.arrive(frame.subarray(0, 1000));
    });
    const { code, message } = bench.shortages[0] as NetworkError;
    expect(code).to.equal('ResourceLimitExceeded');
    expect(message).to.equal('there is no room for a message that arrived: this process has no memory left');
    bench.arrive(frame.subarray(1000));
    bench.arrive(frame);
    expect(bench.shortages).to.have.length(1);
    expect(bench.log).to.have.length(0);
  });

  it('does not blame the peer if there is no memory to inflate its message', () => {
    const inflated = (): unknown => inflate(Buffer.of(1, 2, 3), LARGE, 1000);
    expect(inflated()).to.have.nested.property('error.code', 'InvalidMessage');
    // zlib works in pieces of this length.
    const isPiece = (length: number): boolean => length === 16 * 1024;
    withoutMemory(() => {
      expect(inflated).to.throw(RangeError, 'allocation failed');
    }, isPiece);
  });

  it('reuses the memory of fragments', async () => {
    const bench = new FrameReaderBench();
    const fragment = pattern(LARGE);
    fragment[0] = FrameType.Fragment;
    const frame = messageFrame(fragment, 'none');
    for (let index = 0; index < 3; index += 1) bench.arrive(frame, [1000]);
    await bench.read();
    expect(bench.messages.map(({ isOwned }) => isOwned)).to.deep.equal([false, false, false]);
    expect(new Set(bench.messages.map(({ bytes }) => bytes.buffer)).size).to.equal(1);
    expect(bench.log.every(({ bytes }) => bytes.equals(fragment))).to.equal(true);
  });

  it('reads the rest of the bytes after the stream broke, from the middle of a message on', async () => {
    const bench = new FrameReaderBench();
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
    new WebSocketFrameReader(stream, false, { ...NO_EVENTS, onMessage: sink });
    stream.emit('data', messageFrame(pattern(9), 'none'));
    expect(seen).to.have.length(2);
    expect(messages).to.have.length(0);
  });
});
