import { expect } from 'chai';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import * as ws from 'ws';
import { envelopeBytes, type Masking, seal } from '@entropynet/transport-ws/internal/node/message-envelope';

/** Exported by `ws`, but not part of its types. */
const { Receiver } = ws as unknown as {
  Receiver: new (options: { isServer: boolean; maxPayload: number }) => Writable;
};

/** What `ws` makes of a frame, at the end to which such a frame goes. */
async function received(frame: Buffer, masking: Masking): Promise<{ data: Buffer; isBinary: boolean }> {
  const receiver = new Receiver({ isServer: masking !== 'none', maxPayload: 1024 * 1024 });
  const message = once(receiver, 'message');
  receiver.write(frame);
  const [data, isBinary] = (await message) as [Buffer, boolean];
  return { data, isBinary };
}

describe('the envelope of a WebSocket message', () => {
  for (const masking of ['none', 'zero', 'random'] as const) {
    for (const length of [4, 125, 126, 127, 65_535, 65_536, 262_148]) {
      it(`is understood around ${length} bytes, mask: ${masking}`, async () => {
        const wanted = Buffer.from(Array.from({ length }, (_unused, index) => (index * 7) & 0xff));
        const start = envelopeBytes(length, masking);
        // Not empty before: every byte of the envelope has to be written.
        const frame = Buffer.alloc(start + length, 0xee);
        wanted.copy(frame, start);
        seal(frame, start, masking);
        const { data, isBinary } = await received(frame, masking);
        expect(isBinary).to.equal(true);
        expect(data.equals(wanted)).to.equal(true);
      });
    }
  }

  it('has another random key each time, also when many are drawn', () => {
    const keys = Array.from({ length: 5000 }, () => {
      const frame = Buffer.alloc(envelopeBytes(4, 'random') + 4);
      seal(frame, frame.length - 4, 'random');
      // The message is zero, so that it shows the key.
      expect(frame.subarray(-4).equals(frame.subarray(2, 6))).to.equal(true);
      return frame.readUInt32LE(2);
    });
    expect(new Set(keys).size).to.be.above(4990);
  });
});
