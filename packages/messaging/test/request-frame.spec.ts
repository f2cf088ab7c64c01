import { NETWORK_ERROR_CODES, NetworkError } from '@entropynet/core';
import {
  decodeFailure,
  decodeMetadata,
  encodeMetadata,
  failureFrame,
  frameOf,
  MAX_METADATA_BYTES,
  parseFrame,
  RequestFrame,
} from '@entropynet/messaging/internal/request-frame';
import { nextId } from '@entropynet/messaging/internal/pending-request';
import { expect } from 'chai';
import fc from 'fast-check';

const types = Object.values(RequestFrame);

describe('the frames of requests', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.nat({ max: 0xffff_ffff }),
        fc.uint8Array({ maxLength: 100 }),
        (type, id, rest) => {
          const frame = frameOf(type, id, rest);
          expect(frame).to.have.length(5 + rest.length);
          expect(parseFrame(frame)).to.deep.equal({ type, id, rest });
          // The first bytes of a larger memory mean the same.
          const memory = new Uint8Array(frame.length + 20);
          memory.set(frame, 7);
          expect(parseFrame(memory.subarray(7, 7 + frame.length))).to.deep.equal({ type, id, rest });
        },
      ),
    );
  });

  it('have the bytes that the protocol defines', () => {
    expect([...frameOf(RequestFrame.Request, 0x0102_0304, Uint8Array.of(9))]).to.deep.equal([1, 4, 3, 2, 1, 9]);
    expect([...failureFrame(1, new NetworkError('ResourceLimitExceeded', 'no'))]).to.deep.equal([
      3, 1, 0, 0, 0, 2, 0x6e, 0x6f,
    ]);
  });

  it('are only these', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const frame = parseFrame(bytes);
        const isFrame = bytes.length >= 5 && bytes[0]! >= 1 && bytes[0]! <= 5;
        expect(frame !== undefined).to.equal(isFrame);
        if (frame !== undefined) expect(frame.rest).to.have.length(bytes.length - 5);
      }),
    );
  });

  it('carry failures of any kind as one sentence of bounded length', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...NETWORK_ERROR_CODES),
        fc.string({ unit: 'binary', maxLength: 3000 }),
        (code, message) => {
          const frame = failureFrame(3, new NetworkError(code, message));
          expect(frame.length).to.be.at.most(5 + 1 + 2000);
          const read = decodeFailure(frame.subarray(5));
          expect(NETWORK_ERROR_CODES).to.include(read.code);
          expect(read.message).to.not.match(/\p{Cc}|\p{Cf}/u);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('carry failures whose passwords are hidden', () => {
    const frame = failureFrame(3, new NetworkError('CallbackFailed', 'no postgres://user:secret@host/db'));
    expect(decodeFailure(frame.subarray(5)).message).to.contain('postgres://***@host/db');
  });

  it('accept any bytes of a failure and of metadata', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeFailure(bytes)).to.be.instanceOf(NetworkError);
        expect(Object.values(decodeMetadata(bytes)).every((text) => typeof text === 'string')).to.equal(true);
      }),
    );
  });

  it('carry metadata as it was, up to their limit', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (metadata) => {
        const bytes = encodeMetadata(metadata);
        if (typeof bytes === 'string') expect(bytes).to.contain(String(MAX_METADATA_BYTES));
        else expect({ ...decodeMetadata(bytes) }).to.deep.equal({ ...metadata });
      }),
    );
    expect(encodeMetadata({ a: 'x'.repeat(MAX_METADATA_BYTES) })).to.contain('at most 8192 bytes');
    expect(encodeMetadata({ a: 1 as never })).to.equal('metadata has texts; "a" was given a number');
  });

  it('refuse metadata that is no object with texts, and send what such an object has', () => {
    for (const [given, kind] of [
      [new Map([['a', 'b']]), 'a Map'],
      [new Headers({ a: 'b' }), 'a Headers'],
      [['a'], 'an Array'],
      [new Date(), 'a Date'],
      ['a', 'a string'],
      [null, 'null'],
    ] as const)
      expect(encodeMetadata(given as never)).to.equal(`metadata is a readable object with texts; ${kind} was given`);
    const throwing = {
      get a(): string {
        throw new Error('not now');
      },
    };
    expect(encodeMetadata(throwing)).to.equal('metadata is a readable object with texts; an object was given');
    class Trace {
      readonly id = 'x';

      toJSON(): string {
        return 'other';
      }
    }
    expect({ ...decodeMetadata(encodeMetadata(new Trace() as never) as Uint8Array) }).to.deep.equal({ id: 'x' });
  });

  it('have numbers without repetition, and none that is in use', () => {
    const seen = new Set(Array.from({ length: 10_000 }, () => nextId(() => false)));
    expect(seen.size).to.equal(10_000);
    const [last] = [...seen].slice(-1);
    const skipped = (last! + 1) >>> 0;
    expect(nextId((id) => id === skipped)).to.equal((last! + 2) >>> 0);
  });
});
