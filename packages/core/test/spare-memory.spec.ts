import { expect } from 'chai';
import { frameHeader, FrameType, unwrap } from '@entropynet/core';
import { SpareMemory } from '@entropynet/core/internal/channels/spare-memory';
import { encodeUint32 } from '@entropynet/core/internal/wire/frame';
import { BareConnection } from '@entropynet/test/support/bare-connection';

const KIBIBYTE = 1024;
const copyOf = (copies: SpareMemory, data: Uint8Array, start: number): Uint8Array => unwrap(copies.copy(data, start));
const bytesOf = (length: number, value: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(value);

describe('the memory of waiting messages', () => {
  it('holds a separate copy of the bytes from their start', () => {
    const data = Uint8Array.from({ length: 64 * KIBIBYTE }, (_unused, index) => index & 0xff);
    const copy = copyOf(new SpareMemory(), data, 1000);
    const wanted = data.slice(1000);
    data.fill(0);
    expect(copy).to.deep.equal(wanted);
  });

  it('is used again after a release, and not before', () => {
    const copies = new SpareMemory();
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

  it('belongs to each copy alone, for any class of array', () => {
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
    const copies = new SpareMemory();
    const copy = copyOf(copies, new Pooled(64 * KIBIBYTE).fill(1), 1000);
    expect(copy.buffer).to.not.equal(pool);
    expect(copy).to.deep.equal(bytesOf(64 * KIBIBYTE - 1000, 1));
  });

  it('is not used again if it is too short, or much too long', () => {
    const copies = new SpareMemory();
    copies.release(bytesOf(64 * KIBIBYTE, 1));
    expect(copyOf(copies, bytesOf(65 * KIBIBYTE, 2), 0).buffer.byteLength).to.equal(65 * KIBIBYTE);
    expect(copyOf(copies, bytesOf(31 * KIBIBYTE, 2), 0).buffer.byteLength).to.equal(31 * KIBIBYTE);
    expect(copyOf(copies, bytesOf(32 * KIBIBYTE, 2), 0).buffer.byteLength).to.equal(64 * KIBIBYTE);
  });

  it('gives room that contains zeros or an earlier message, and nothing else of the process', () => {
    // The C library hands out memory again that a program has freed, and this one is full of other bytes.
    for (let index = 0; index < 8; index += 1) Buffer.allocUnsafeSlow(64 * KIBIBYTE).fill(9);
    const memory = new SpareMemory();
    const room = memory.room(64 * KIBIBYTE);
    expect(room).to.deep.equal(bytesOf(64 * KIBIBYTE, 0));
    room.fill(5);
    memory.release(room);
    const again = memory.room(40 * KIBIBYTE);
    expect(again.buffer).to.equal(room.buffer);
    expect(again).to.deep.equal(bytesOf(40 * KIBIBYTE, 5));
  });

  it('keeps nothing of an earlier peer', () => {
    const memory = new SpareMemory();
    const room = memory.room(64 * KIBIBYTE).fill(5);
    memory.release(room);
    memory.clear();
    expect(memory.room(64 * KIBIBYTE)).to.deep.equal(bytesOf(64 * KIBIBYTE, 0));
  });
});

describe('a message that arrives in fragments', () => {
  /** Lets a message of 100,000 bytes of that value arrive. */
  function arrive(connection: BareConnection, value: number): void {
    connection.feed(frameHeader(FrameType.MessageStart, 0), encodeUint32(100_000).slice());
    for (let left = 100_000; left > 0; left -= 20_000) {
      connection.feed(frameHeader(FrameType.Fragment, 0), bytesOf(20_000, value));
    }
  }

  for (const ownership of ['borrow', 'in-place'] as const) {
    it(`uses the memory of the one before, if that was delivered with '${ownership}'`, () => {
      const connection = new BareConnection();
      const buffers: ArrayBufferLike[] = [];
      const take = (bytes: Uint8Array): void => {
        expect(bytes).to.deep.equal(bytesOf(100_000, buffers.length));
        buffers.push(bytes.buffer);
      };
      if (ownership === 'borrow') connection.setMessageCallback(take, { ownership });
      else connection.setMessageCallback(take, { ownership });
      for (const value of [0, 1, 2]) arrive(connection, value);
      expect(buffers).to.have.length(3);
      expect(new Set(buffers).size).to.equal(1);
    });
  }

  it('has its own memory if the program owns it, whatever its callback then sets', () => {
    const connection = new BareConnection();
    const messages: Uint8Array[] = [];
    connection.setMessageCallback((owned) => {
      messages.push(owned);
      connection.setMessageCallback((_borrowed) => undefined, { ownership: 'borrow' });
    });
    for (const value of [1, 2, 3]) arrive(connection, value);
    expect(messages).to.deep.equal([bytesOf(100_000, 1)]);
  });

  for (const when of ['before it', 'inside it'] as const) {
    it(`has a buffer of its own length if the program begins to own messages ${when}`, () => {
      const connection = new BareConnection();
      connection.setMessageCallback((_borrowed) => undefined, { ownership: 'borrow' });
      arrive(connection, 7);
      let owned: Uint8Array | undefined;
      const own = (): void => {
        connection.setMessageCallback((message) => {
          owned = message;
        });
      };
      if (when === 'before it') own();
      connection.feed(frameHeader(FrameType.MessageStart, 0), encodeUint32(60_000).slice());
      connection.feed(frameHeader(FrameType.Fragment, 0), bytesOf(40_000, 1));
      if (when === 'inside it') own();
      connection.feed(frameHeader(FrameType.Fragment, 0), bytesOf(20_000, 1));
      expect(owned).to.deep.equal(bytesOf(60_000, 1));
      // Nothing of the message that another callback had borrowed is behind it.
      expect(owned?.buffer.byteLength).to.equal(60_000);
    });
  }

  it('fails its own connection, with the reason, if the program transfers memory that it had borrowed', async () => {
    const connection = new BareConnection();
    let kept: Uint8Array | undefined;
    connection.setMessageCallback(
      (borrowed) => {
        kept = borrowed;
      },
      { ownership: 'borrow' },
    );
    arrive(connection, 1);
    connection.feed(frameHeader(FrameType.MessageStart, 0), encodeUint32(100_000).slice());
    connection.feed(frameHeader(FrameType.Fragment, 0), bytesOf(60_000, 2));
    const memory = kept?.buffer as ArrayBuffer;
    structuredClone(memory, { transfer: [memory] });
    connection.feed(frameHeader(FrameType.Fragment, 0), bytesOf(40_000, 2));
    const { error } = await connection.closed;
    expect(error?.code).to.equal('InvalidParameter');
    expect(error?.message).to.contain('the memory of a borrowed message was transferred');
  });
});
