// Checks what no rule of ESLint sees: that no file imports itself by way of others, not even for types, and lists the
// files that have become long.

import { parseCircular, parseDependencyTree } from 'dpdm';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** A file of more lines is harder to read in one sitting; ESLint ends at 450. */
const LONG_LINES = 300;

const folders = [
  ...readdirSync(join(root, 'packages')).map((name) => join('packages', name)),
  ...readdirSync(join(root, 'examples')).map((name) => join('examples', name)),
  'benchmarks',
  'test',
];

function sourcesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['dist', 'build', 'node_modules'].includes(entry.name) ? [] : sourcesBelow(path);
    return /(?<!\.d)\.ts$/.test(entry.name) ? [path] : [];
  });
}

const sources = folders.flatMap(sourcesBelow);
// Types are part of it: `transform` would leave them out.
const tree = await parseDependencyTree(sources, {
  context: root,
  transform: false,
  include: /\.ts$/,
  exclude: /node_modules|dist/,
});
const circles = parseCircular(tree);
for (const circle of circles) {
  console.error(`circular import: ${circle.map((path) => relative(root, resolve(root, path))).join(' → ')}`);
}

const long = sources
  .map((path) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n').length - 1 }))
  .filter(({ lines }) => lines > LONG_LINES)
  .sort((left, right) => right.lines - left.lines);
for (const { path, lines } of long)
  console.log(`${path} has ${lines} lines; ${LONG_LINES} are easy to read in one sitting`);

if (circles.length > 0) process.exitCode = 1;
