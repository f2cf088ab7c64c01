import { expect } from 'chai';
import { unwrap } from '@entropynet/core';
import { WaitingCopies } from '@entropynet/core/internal/channels/waiting-copies';

const KIBIBYTE = 1024;
const copyOf = (copies: WaitingCopies, data: Uint8Array, start: number): Uint8Array => unwrap(copies.copy(data, start));
const bytesOf = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('copies of waiting messages', () => {
  it('hold a separate copy of the bytes from their start', () => {
    const data = Uint8Array.from({ length: 64 * KIBIBYTE }, (_unused, index) => index & 0xff);
    const copy = copyOf(new WaitingCopies(), data, 1000);
    const wanted = data.slice(1000);
    data.fill(0);
    expect(copy).to.deep.equal(wanted);
  });

  it('reuse the memory of a released copy, and of no other', () => {
    const copies = new WaitingCopies();
    const first = copyOf(copies, bytesOf(64 * KIBIBYTE, 1), 0);
    const second = copyOf(copies, bytesOf(64 * KIBIBYTE, 2), 0);
    expect(second.buffer).to.not.equal(first.buffer);
    copies.release(first);
    const third = copyOf(copies, bytesOf(40 * KIBIBYTE, 3), 0);
    expect(third.buffer).to.equal(first.buffer);
    expect(third).to.deep.equal(bytesOf(40 * KIBIBYTE, 3));
    expect(copyOf(copies, bytesOf(40 * KIBIBYTE, 4), 0).buffer).to.not.equal(first.buffer);
    expect(third).to.deep.equal(bytesOf(40 * KIBIBYTE, 3));
  });

  it('are in their own memory, for any class of array', () => {
    const pool = new ArrayBuffer(128 * KIBIBYTE);
    class Pooled extends Uint8Array {
      static get [Symbol.species](): Uint8ArrayConstructor {
        return class extends Uint8Array {
          constructor() {
            super(pool);
          }
        };
      }
    }
    const copies = new WaitingCopies();
    const copy = copyOf(copies, new Pooled(64 * KIBIBYTE).fill(1), 1000);
    expect(copy.buffer).to.not.equal(pool);
    expect(copy).to.deep.equal(bytesOf(64 * KIBIBYTE - 1000, 1));
  });

  it('do not use memory that is too short, or much too long', () => {
    const copies = new WaitingCopies();
    copies.release(bytesOf(64 * KIBIBYTE, 1));
    expect(copyOf(copies, bytesOf(65 * KIBIBYTE, 2), 0).buffer.byteLength).to.equal(65 * KIBIBYTE);
    expect(copyOf(copies, bytesOf(31 * KIBIBYTE, 2), 0).buffer.byteLength).to.equal(31 * KIBIBYTE);
    expect(copyOf(copies, bytesOf(32 * KIBIBYTE, 2), 0).buffer.byteLength).to.equal(64 * KIBIBYTE);
  });
});
