// Checks what no rule of ESLint sees: that no file imports itself by way of others, not even for types.

import { parseCircular, parseDependencyTree } from 'dpdm';
import { readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

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

if (circles.length > 0) process.exitCode = 1;
