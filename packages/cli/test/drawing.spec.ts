import { fitted } from '@entropynet/cli/internal/support/columns';
import { Drawing } from '@entropynet/cli/internal/support/drawing';
import { expect } from 'chai';

/** Returns what a terminal with these columns and rows gets when a program draws the lines. */
function drawn(columns: number, rows: number, ...drawings: string[][]): string {
  let written = '';
  const stream = { columns, rows, write: (text: string) => (written += text) };
  const drawing = new Drawing(stream as unknown as NodeJS.WriteStream, '; --once shows all');
  for (const lines of drawings) drawing.draw(lines);
  return written;
}

describe('a drawing on a terminal', () => {
  for (const [what, character, width] of [
    ['Latin letters', 'x', 1],
    ['East Asian characters', '語', 2],
    ['pictures', '😀', 2],
    ['old pictures', '⌚', 2],
    ['combining marks', 'e\u0301', 1],
  ] as const)
    it(`has no line that wraps: ${what}`, () => {
      for (const columns of [10, 31, 50]) {
        const kept = character.repeat(Math.floor((columns - 2) / width));
        expect(drawn(columns, 20, [character.repeat(60)])).to.equal(`${kept}…\n`);
      }
    });

  it('has spaces in place of tabs, whose width depends on their place', () => {
    expect(drawn(10, 20, ['a\tb'])).to.equal('a b\n');
  });

  it('leaves text whole that fits', () => {
    for (const [text, columns] of [
      ['e\u0301'.repeat(9), 9],
      ['日本語', 6],
      ['😀⌚', 4],
    ] as const)
      expect(fitted(text, columns)).to.equal(text);
  });

  it('leaves out the last lines if the terminal has too few rows, and says so', () => {
    const lines = ['1', '2', '3', '4', '5'];
    expect(drawn(50, 7, lines)).to.equal('1\n2\n3\n4\n5\n');
    expect(drawn(50, 5, lines)).to.equal('1\n2\n3\n… 2 lines more; --once shows all\n');
  });

  it('replaces the one before it', () => {
    expect(drawn(50, 20, ['1', '2'], ['3'], ['4'])).to.equal('1\n2\n\u001b[2A\u001b[J3\n\u001b[1A\u001b[J4\n');
  });

  it('is whole on a terminal that reports no size', () => {
    expect(drawn(0, 0, ['x'.repeat(79), 'y'])).to.equal(`${'x'.repeat(79)}\ny\n`);
  });
});
