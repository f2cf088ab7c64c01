import { expect } from 'chai';
import { FrameType } from '@entropynet/core';
import { CollectedMessages } from '@entropynet/transport-ws/internal/node/collected-messages';
import { MAX_MESSAGE_BYTES } from '@entropynet/transport-ws/internal/protocol/web-socket-protocol';
import { withoutMemory } from '@entropynet/test/support/without-memory';
import { rawFrame } from '@entropynet/test/support/web-socket/raw-web-socket';
import { FrameReaderBench, messageFrame, pattern } from './frame-reader-bench.js';

const LARGE = 64 * 1024;

/** A fragment: of opcode 2 the first one, of opcode 0 a later one. */
function fragment(opcode: 0 | 2, isFinal: boolean, payload: Uint8Array): Buffer {
  return rawFrame({ opcode, isFinal, payload, isMasked: false });
}

const ping = rawFrame({ opcode: 9, payload: Buffer.from('there?'), isMasked: false });
const message = messageFrame(pattern(10), 'none');

describe('the reader of WebSocket frames: messages in fragments', () => {
  it('puts them together, and gives ws the pings between their fragments', async () => {
    const bench = new FrameReaderBench();
    const whole = pattern(300);
    const bytes = Buffer.concat([
      fragment(2, false, whole.subarray(0, 100)),
      ping,
      fragment(0, false, new Uint8Array()),
      fragment(0, false, whole.subarray(100, 200)),
      ping,
      fragment(0, true, whole.subarray(200)),
    ]);
    bench.arrive(Buffer.concat([message, bytes, message, bytes, message]), [50, 400]);
    await bench.read();
    const lengths = bench.log.filter(({ what }) => what === 'message').map(({ bytes: each }) => each.length);
    expect(lengths).to.deep.equal([10, 300, 10, 300, 10]);
    expect(bench.log.filter(({ bytes: each }) => each.equals(whole))).to.have.length(2);
    expect(Buffer.concat(bench.given).equals(Buffer.concat([ping, ping, ping, ping]))).to.equal(true);
  });

  const interruptions = {
    'a whole message': message,
    'a text': rawFrame({ opcode: 1, payload: Buffer.from('text'), isMasked: false }),
    'another beginning': fragment(2, false, pattern(10)),
    'a fragment with a reserved bit': rawFrame({ opcode: 0, reserved: 2, payload: pattern(10), isMasked: false }),
    'a frame of an unknown kind': rawFrame({ opcode: 5, payload: pattern(10), isMasked: false }),
  };
  for (const [what, frame] of Object.entries(interruptions)) {
    it(`refuses ${what} between two fragments, and delivers no part of the message`, async () => {
      const bench = new FrameReaderBench();
      bench.arrive(Buffer.concat([fragment(2, false, pattern(10)), frame, fragment(0, true, pattern(10))]));
      await bench.read();
      expect(bench.log).to.deep.equal([]);
      expect(bench.unreadable.map(({ closeCode }) => closeCode)).to.deep.equal([1002]);
      expect(bench.unreadable[0]?.error.message).to.equal('the peer sent a frame that may not stand inside a message');
    });
  }

  it('refuses a long frame between two fragments for its place, and not for its length', async () => {
    for (const opcode of [1, 2, 5]) {
      const bench = new FrameReaderBench();
      const frame = rawFrame({ opcode, payload: pattern(100_000), isMasked: false });
      bench.arrive(Buffer.concat([fragment(2, false, pattern(200_000)), frame]));
      await bench.read();
      expect(bench.unreadable.map(({ closeCode }) => closeCode)).to.deep.equal([1002]);
    }
  });

  it('collects short fragments in one memory of its own: a part of a pool for each would keep a pool for each', async () => {
    const bench = new FrameReaderBench();
    const one = Uint8Array.of(1);
    const frames = [fragment(2, false, one), ...new Array<Buffer>(1000).fill(fragment(0, false, one))];
    const lengths: number[] = [];
    withoutMemory(
      () => {
        for (const frame of frames) bench.arrive(frame);
      },
      (length) => {
        lengths.push(length);
        return false;
      },
    );
    expect(lengths).to.deep.equal([4096]);
    bench.arrive(fragment(0, true, pattern(5000)));
    await bench.read();
    expect(bench.messages.map(({ start, end }) => end - start)).to.deep.equal([6001]);
    expect(bench.log[0]?.bytes.equals(Buffer.concat([Buffer.alloc(1001, 1), pattern(5000)]))).to.equal(true);
  });

  it('copies a compressed message of the full length for none of the short fragments behind it', () => {
    const events = { onMessage: () => undefined, onUnreadable: () => undefined };
    const collected = new CollectedMessages({ threshold: 0, level: 1, maxRatio: 10 }, events);
    const lengths: number[] = [];
    const first = Buffer.alloc(MAX_MESSAGE_BYTES);
    const one = Buffer.alloc(1);
    withoutMemory(
      () => {
        collected.begin(0x42, first.length, 0);
        collected.take(first, MAX_MESSAGE_BYTES);
        for (let count = 0; count < 1000; count += 1) {
          collected.begin(0x00, 1, 0);
          collected.take(one, MAX_MESSAGE_BYTES);
        }
      },
      (length) => {
        lengths.push(length);
        return false;
      },
    );
    expect(lengths.length).to.be.at.most(1);
  });

  const forWs = {
    'a close frame': rawFrame({ opcode: 8, payload: Uint8Array.of(3, 232), isMasked: false }),
    'a ping in fragments': rawFrame({ opcode: 9, isFinal: false, isMasked: false }),
    'a ping that is too long': rawFrame({ opcode: 9, payload: pattern(126), isMasked: false }),
    'a fragment with the wrong mask bit': rawFrame({ opcode: 0, payload: pattern(10), isMasked: true }),
  };
  for (const [what, frame] of Object.entries(forWs)) {
    it(`leaves the stream to ws from ${what} between two fragments on`, async () => {
      const bench = new FrameReaderBench();
      const rest = Buffer.concat([frame, message]);
      bench.arrive(Buffer.concat([fragment(2, false, pattern(10)), rest]));
      await bench.read();
      expect(bench.messages).to.deep.equal([]);
      expect(Buffer.concat(bench.given).equals(rest)).to.equal(true);
    });
  }

  it('takes a message of exactly the limit, and refuses a longer one before its last fragment has arrived', async () => {
    const half = MAX_MESSAGE_BYTES / 2;
    const bench = new FrameReaderBench();
    bench.arrive(Buffer.concat([fragment(2, false, pattern(half)), fragment(0, true, pattern(half))]));
    await bench.read();
    expect(bench.messages.map(({ start, end }) => end - start)).to.deep.equal([MAX_MESSAGE_BYTES]);
    const tooLong = fragment(0, true, pattern(half + 1));
    bench.arrive(Buffer.concat([fragment(2, false, pattern(half)), tooLong.subarray(0, 20)]));
    await bench.read();
    expect(bench.messages).to.have.length(1);
    expect(bench.unreadable.map(({ closeCode }) => closeCode)).to.deep.equal([1009]);
    expect(bench.unreadable[0]?.error.message).to.equal('the peer sent a message of more than 262148 bytes');
  });

  it('takes 1024 fragments, and refuses one more', async () => {
    const bench = new FrameReaderBench();
    const first = fragment(2, false, Uint8Array.of(1));
    const next = fragment(0, false, Uint8Array.of(1));
    const last = fragment(0, true, Uint8Array.of(1));
    bench.arrive(Buffer.concat([first, ...new Array<Buffer>(1022).fill(next), last]));
    await bench.read();
    expect(bench.messages.map(({ start, end }) => end - start)).to.deep.equal([1024]);
    bench.arrive(Buffer.concat([first, ...new Array<Buffer>(1023).fill(next), last]));
    await bench.read();
    expect(bench.messages).to.have.length(1);
    expect(bench.unreadable.map(({ closeCode }) => closeCode)).to.deep.equal([1008]);
  });

  it('transfers the memory of a long message, and collects its fragments in memory that is used again', async () => {
    const bench = new FrameReaderBench();
    const bytes = Buffer.concat([fragment(2, false, pattern(LARGE)), fragment(0, true, pattern(LARGE, 1))]);
    for (let index = 0; index < 3; index += 1) bench.arrive(bytes, [1000]);
    await bench.read();
    expect(bench.messages.map(({ isOwned }) => isOwned)).to.deep.equal([true, true, true]);
    expect(new Set(bench.messages.map(({ bytes: each }) => each.buffer)).size).to.equal(3);
    const whole = Buffer.concat([pattern(LARGE), pattern(LARGE, 1)]);
    expect(bench.log.every(({ bytes: each }) => each.equals(whole))).to.equal(true);
  });

  it('lends the memory of a fragment of the frame protocol, and uses it again', async () => {
    const bench = new FrameReaderBench();
    const whole = pattern(2 * LARGE);
    whole[0] = FrameType.Fragment;
    const bytes = Buffer.concat([
      fragment(2, false, whole.subarray(0, LARGE)),
      fragment(0, true, whole.subarray(LARGE)),
    ]);
    for (let index = 0; index < 3; index += 1) bench.arrive(bytes);
    await bench.read();
    expect(bench.messages.map(({ isOwned }) => isOwned)).to.deep.equal([false, false, false]);
    expect(new Set(bench.messages.map(({ bytes: each }) => each.buffer)).size).to.equal(1);
    expect(bench.log.every(({ bytes: each }) => each.equals(whole))).to.equal(true);
  });

  it('ends the link if there is no memory for a fragment, and reads nothing more', () => {
    const bench = new FrameReaderBench();
    const first = fragment(2, false, pattern(1000));
    withoutMemory(() => {
      bench.arrive(first.subarray(0, 500));
    });
    expect(bench.shortages.map(({ code }) => code)).to.deep.equal(['ResourceLimitExceeded']);
    bench.arrive(first.subarray(500));
    bench.arrive(fragment(0, true, pattern(10)));
    expect(bench.log).to.have.length(0);
  });
});
