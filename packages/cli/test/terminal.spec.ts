import { PassThrough } from 'node:stream';
import { barLine, Progress } from '@entropynet/cli/internal/support/progress';
import { print, printJson, tell, type Terminal } from '@entropynet/cli/internal/support/terminal';
import { expect } from 'chai';

/** What commands a terminal, turns text around, hides, or begins a line of its own. */
const HOSTILE = '\u001b]0;title\u0007\u001b[2Jred\u007f\u009b31m\u202egpj.exe\u2028\u200b\r\nentropynet: forged';

const COMMANDS = /(?!\n)[\p{Cc}\p{Bidi_Control}\u200b\u2028]/u;

/** A terminal whose writing a test reads. */
function recordingTerminal(isTTY = false): { terminal: Terminal; written: () => string } {
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    columns: 50,
    rows: 20,
    cursorTo: () => true,
    clearLine: () => true,
  });
  let text = '';
  stream.on('data', (data: Buffer) => (text += data.toString()));
  const errors = stream as unknown as NodeJS.WriteStream;
  return {
    terminal: { input: process.stdin, output: errors, errors, interrupted: new AbortController().signal },
    written: () => text,
  };
}

describe('the output of a command', () => {
  for (const [what, write] of [
    ['for people', tell],
    ['as a result', print],
  ] as const) {
    it(`is one printable line for any text of a peer: ${what}`, () => {
      const { terminal, written } = recordingTerminal();
      write(terminal, `[1] ${HOSTILE}`);
      expect(written()).to.not.match(COMMANDS);
      expect(written()).to.match(/^\[1\] \\u\{1b\}\]0;title\\u\{7\}[^\n]*forged\n$/u);
    });
  }

  it('keeps tabs and the text of all scripts', () => {
    const { terminal, written } = recordingTerminal();
    print(terminal, 'a\tb äöü 日本語 עברית');
    expect(written()).to.equal('a\tb äöü 日本語 עברית\n');
  });

  it('keeps long text whole', () => {
    const { terminal, written } = recordingTerminal();
    print(terminal, 'x'.repeat(100_000));
    expect(written()).to.have.length(100_001);
  });

  for (const indent of [undefined, 2])
    it(`is complete JSON without terminal commands, ${indent === undefined ? 'on one line' : 'indented'}`, () => {
      const { terminal, written } = recordingTerminal();
      const value = { text: `${HOSTILE}\u{e0001}\ud83d\ude00 ä`, [HOSTILE]: [1] };
      printJson(terminal, value, indent);
      expect(written()).to.not.match(COMMANDS);
      expect(written()).to.include('😀 ä');
      expect(JSON.parse(written())).to.deep.equal(value);
    });
});

describe('the bar of a transfer', () => {
  const LINE = { name: 'a file with a long name.tar.gz', done: 1_200_000_000, total: 5_000_000_000, rate: '120.5 MiB' };

  for (const columns of [20, 30, 50, 80, 200])
    it(`keeps percent and rate, and fits, at ${columns} columns`, () => {
      for (const name of [LINE.name, 'x', '', '日本語'.repeat(20), HOSTILE]) {
        const line = barLine({ ...LINE, name }, columns);
        expect(line).to.match(/24 % (1\.12 GiB of 4\.66 GiB, )?120\.5 MiB\/s$/u);
        expect(line.length + (line.match(/[\u3000-\u9fff]/gu)?.length ?? 0)).to.be.below(columns);
        expect(line).to.not.match(COMMANDS);
      }
    });

  it('shows all at 80 columns', () => {
    expect(barLine({ ...LINE, name: 'file' }, 80)).to.equal(
      'file ████████░░░░░░░░░░░░░░░░░░░░░░░░░░  24 % 1.12 GiB of 4.66 GiB, 120.5 MiB/s',
    );
  });

  it('is complete for a file without bytes', () => {
    expect(barLine({ ...LINE, done: 0, total: 0 }, 50)).to.include('100 %');
  });

  it('is empty without a terminal', () => {
    const { terminal, written } = recordingTerminal();
    using progress = new Progress(terminal);
    progress.show({ name: 'file', phase: 'moving', done: 1, total: 2, from: 0 });
    expect(written()).to.equal('');
  });

  it('appears at once, also while the receiver reads its existing part', () => {
    const { terminal, written } = recordingTerminal(true);
    using progress = new Progress(terminal);
    progress.show({ name: 'file', phase: 'checking', done: 0, total: 1000, from: 0 });
    expect(written()).to.include('checking file').and.to.include('0 %');
    progress.show({ name: 'file', phase: 'other side checking', done: 0, total: 1000, from: 0 });
    expect(written()).to.include('other side checks file');
  });
});
