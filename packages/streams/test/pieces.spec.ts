import { Pieces } from '@entropynet/streams/internal/pieces';
import { expect } from 'chai';
import fc from 'fast-check';

type Resizable = ArrayBuffer & { resize(length: number): void };
const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => Resizable;

/** All pieces, as copies, because a piece is valid until the next one is made. Each has a length that it may have. */
function piecesOf(chunks: readonly Uint8Array[], limit: number): Uint8Array[] {
  const pieces = new Pieces(chunks.map((chunk) => ({ chunk })));
  const all: Uint8Array[] = [];
  let left = chunks.reduce((sum, chunk) => sum + Uint8Array.from(chunk).length, 0);
  for (let piece = pieces.next(limit); piece !== undefined; piece = pieces.next(limit)) {
    const copy = Uint8Array.from(piece);
    expect(copy.length).to.be.within(1, Math.min(limit, left));
    left -= copy.length;
    all.push(copy);
    pieces.advance(copy.length);
  }
  return all;
}

describe('the pieces of chunks', () => {
  it('are whole, in order, never empty, and as few as the limit allows', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.integer({ min: 1, max: 32 }), (chunks, limit) => {
        const bytes = Buffer.concat(chunks);
        const pieces = piecesOf(chunks, limit);
        expect(Buffer.concat(pieces)).to.deep.equal(bytes);
        expect(
          pieces.slice(0, -1).every((piece, index) => piece.length + (pieces[index + 1]?.length ?? 0) > limit / 2),
        ).to.equal(true);
      }),
    );
  });

  it('combine short chunks, and cut long ones without a copy', () => {
    const short = [Uint8Array.of(1), Uint8Array.of(2, 3), Uint8Array.of(4)];
    expect(piecesOf(short, 64)).to.deep.equal([Uint8Array.of(1, 2, 3, 4)]);
    const long = new Uint8Array(100);
    const piece = new Pieces([{ chunk: long }]).next(64);
    expect(piece?.buffer).to.equal(long.buffer);
  });

  it('have the bytes of their chunks, even if a subclass of Buffer reports another length', () => {
    const liar = Object.defineProperty(Buffer.from('ab'), 'length', { value: 40 });
    const before = piecesOf([Buffer.from('a secret of another stream'), Buffer.from('!')], 64);
    expect(before).to.have.lengthOf(1);
    expect(Buffer.concat(piecesOf([liar, Buffer.from('c'), liar], 64)).toString()).to.equal('abcab');
  });

  it('have the bytes of their own chunks, even if reading a chunk makes pieces of another stream', () => {
    let reads = 0;
    const odd = Object.defineProperty(Buffer.from('cc'), 'length', {
      get: () => {
        reads += 1;
        piecesOf([Buffer.from('a secret of '), Buffer.from('another stream')], 64);
        return 2;
      },
    });
    const pieces = piecesOf([Buffer.from('aaaaaaaa'), Buffer.from('bbbbbbbb'), odd, Buffer.from('d')], 64);
    expect(Buffer.concat(pieces).toString()).to.equal('aaaaaaaabbbbbbbbccd');
    expect(reads).to.be.at.least(1);
  });

  for (const length of [1, 40]) {
    it(`have the bytes of their chunks, even if a chunk of 4 bytes reports ${length} after some reads`, () => {
      for (let trueReads = 0; trueReads < 8; trueReads += 1) {
        let reads = 0;
        const liar = Object.defineProperty(Buffer.from('abcd'), 'length', {
          get: () => {
            reads += 1;
            return reads > trueReads ? length : 4;
          },
        });
        for (const limit of [3, 64]) {
          reads = 0;
          expect(Buffer.concat(piecesOf([liar], limit)).toString(), `alone, ${trueReads}`).to.equal('abcd');
          reads = 0;
          const joined = piecesOf([Buffer.from('x'), liar, Buffer.from('y')], limit);
          expect(Buffer.concat(joined).toString(), `joined, ${trueReads}`).to.equal('xabcdy');
        }
      }
    });
  }

  it('end, even if a chunk becomes shorter while they are made', () => {
    const memory = new Resizable(10, { maxByteLength: 10 });
    const shrinking = new Uint8Array(memory);
    const next = Object.defineProperty(new Uint8Array(10), 'length', {
      get: () => {
        memory.resize(5);
        return 10;
      },
    });
    const pieces = new Pieces([{ chunk: shrinking }, { chunk: next }]);
    const piece = pieces.next(64);
    expect(piece).to.have.lengthOf(20);
    pieces.advance(20);
    expect(pieces.next(64)).to.equal(undefined);
  });

  it('stay the same until they were sent', () => {
    const pieces = new Pieces([{ chunk: Uint8Array.of(1) }, { chunk: Uint8Array.of(2) }]);
    expect(pieces.next(8)).to.deep.equal(Uint8Array.of(1, 2));
    expect(pieces.next(8)).to.deep.equal(Uint8Array.of(1, 2));
    pieces.advance(1);
    expect(pieces.next(8)).to.deep.equal(Uint8Array.of(2));
  });
});
