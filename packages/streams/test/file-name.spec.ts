import { checkFileName, foldedName } from '@entropynet/streams/internal/files/file-name';
import { expect } from 'chai';

describe('the name of a received file', () => {
  const REFUSED: readonly (readonly [string, string])[] = [
    ['', 'is empty'],
    ['.', 'start with a dot'],
    ['..', 'start with a dot'],
    ['.zshenv', 'start with a dot'],
    ['.entropynet-parts', 'start with a dot'],
    ['../outside', 'forbidden character'],
    ['/tmp/outside', 'forbidden character'],
    ['a\\b', 'forbidden character'],
    ['C:evil', 'forbidden character'],
    ['file:stream', 'forbidden character'],
    ['what?', 'forbidden character'],
    ['a\nb', 'forbidden character'],
    ['a\u0000b', 'forbidden character'],
    ['a\u009bb', 'forbidden character'],
    ['a\u202egpj.exe', 'forbidden character'],
    ['a\u2028b', 'forbidden character'],
    ['-rf', 'starts with a dash'],
    [' leading', 'starts with a space'],
    ['trailing ', 'ends with a space or a dot'],
    ['trailing.', 'ends with a space or a dot'],
    ['trailing. .', 'ends with a space or a dot'],
    ['a\u00a0', 'ends with a space or a dot'],
    ['NUL', 'device'],
    ['nul.txt', 'device'],
    ['Aux', 'device'],
    ['con .tar.gz', 'device'],
    ['COM1', 'device'],
    ['com0.log', 'device'],
    ['LPT³', 'device'],
    ['CONIN$', 'device'],
    ['\ud800', 'not well-formed'],
    ['x'.repeat(256), 'longer than 255 bytes'],
    ['ä'.repeat(128), 'longer than 255 bytes'],
  ];
  for (const [name, rule] of REFUSED) {
    it(`is refused with the rule it breaks: ${shown(name)}`, () => {
      expect(() => checkFileName(name)).to.throw(new RegExp(`^the name ".*" is not allowed: .*(${rule})`, 'su'));
    });
  }

  for (const name of [
    'level.pak',
    'a b.txt',
    'a..b',
    'x'.repeat(255),
    'ä'.repeat(127),
    'console',
    'COM10',
    'nully',
    '日本語.png',
    'null',
    '~',
  ])
    it(`is taken: ${shown(name)}`, () => {
      expect(checkFileName(name)).to.equal(name);
    });

  it('counts as the same if a file system ignores case or composition', () => {
    expect(foldedName('LEVEL.pak')).to.equal(foldedName('level.PAK'));
    expect(foldedName('a\u0308')).to.equal(foldedName('\u00c4'));
    expect(foldedName('ß')).to.equal(foldedName('SS'));
    expect(foldedName('level1')).to.not.equal(foldedName('level2'));
  });
});

/** The beginning of a name; everything but ASCII letters as numbers. */
function shown(name: string): string {
  const escaped = name.replace(/[^ -~]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  return `"${escaped.slice(0, 24)}"`;
}
