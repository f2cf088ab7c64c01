import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT } from './pages.js';

/** One promise of `docs/contract.md`. */
interface Promised {
  readonly id: string;
  /** The section that contains it. */
  readonly section: string;
}

/** The folders with tests. */
const TEST_FOLDERS = [
  'packages/conformance/src',
  'test',
  ...readdirSync(join(ROOT, 'packages'))
    .map((name) => `packages/${name}/test`)
    .filter((folder) => existsSync(join(ROOT, folder))),
];

/** A promise in the title of a test. */
const NAMED = /\[([A-Z]+-\d+)\]/g;

/** The beginning of a test, up to its title. */
const TEST_BEGIN = /\b(?:it|skippedTest)\(\s*(['"`])/g;

const page = readFileSync(join(ROOT, 'docs/contract.md'), 'utf8');
const sections = page.split('\n## ').slice(1);
const promises = sections.flatMap((section): Promised[] =>
  [...section.matchAll(/^- \*\*([A-Z]+-\d+)\*\* \S/gm)].map(([, id = '']) => ({ id, section })),
);

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return ['dist', 'node_modules'].includes(entry.name) ? [] : sourcesBelow(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function promisesNamedIn(path: string): Set<string> {
  const source = readFileSync(join(ROOT, path), 'utf8');
  return new Set([...source.matchAll(NAMED)].map(([, id = '']) => id));
}

/** The files that a section names as its tests. */
function testsOf(section: string): string[] {
  return [...section.matchAll(/\]\((\.\.\/[^)]+\.ts)\)/g)].map(([, path = '']) => posix.join('docs', path));
}

describe('the contract', () => {
  const named = new Map(TEST_FOLDERS.flatMap(sourcesBelow).map((path) => [path, promisesNamedIn(path)]));

  it('numbers the promises of each section, none twice', () => {
    expect(promises).to.have.length.above(80);
    expect(new Set(promises.map(({ id }) => id)).size).to.equal(promises.length);
    for (const { id, section } of promises) expect(section).to.match(new RegExp(`^${id.replace(/-\d+$/, '')}: `));
  });

  it('has a test for each promise in a file that the section names', () => {
    const missing = promises.filter(({ id, section }) => !testsOf(section).some((path) => named.get(path)?.has(id)));
    expect(missing.map(({ id }) => id)).to.be.empty;
  });

  it('has a promise for each number that a test names', () => {
    const known = new Set(promises.map(({ id }) => id));
    const unknown = [...named].flatMap(([path, ids]) =>
      [...ids].filter((id) => !known.has(id)).map((id) => `${path}: ${id}`),
    );
    expect(unknown).to.be.empty;
  });

  it('is named by every test of the conformance suite', () => {
    const nameless = sourcesBelow('packages/conformance/src/chapters').flatMap((path) => {
      const source = readFileSync(join(ROOT, path), 'utf8');
      const titles = [...source.matchAll(TEST_BEGIN)].map(
        ({ 0: begin, index }) => source.slice(index + begin.length).split('\n', 1)[0]!,
      );
      return titles.filter((title) => !/^\[[A-Z]+-\d+\] /.test(title)).map((title) => `${path}: ${title}`);
    });
    expect(nameless).to.be.empty;
  });

  it('is complete in the files that a section names', () => {
    const unneeded = sections.flatMap((section) => {
      const ids = promises.filter((promised) => promised.section === section).map(({ id }) => id);
      return testsOf(section).filter((path) => !ids.some((id) => named.get(path)?.has(id)));
    });
    expect(unneeded).to.be.empty;
  });
});
