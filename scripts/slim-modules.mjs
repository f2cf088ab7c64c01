// Makes compiled modules small. V8 keeps the source of every module for as long as it is loaded, so what nobody needs takes
// memory in each process of a user: comments, and the parts of a library that no module uses. The declarations keep their
// comments, for editors, and the sources are published with theirs; the source maps lead to them.
// Usage: node scripts/slim-modules.mjs FOLDER …   each a folder of compiled modules, with source maps beside them

import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';
import { COMPACT, joinedSuffix, keepLabels, writeIfChanged, writeModule } from './compact.mjs';
import { rootFolder } from './workspace.mjs';

/** A library of which a module with its name exports the parts that a package uses. */
const LIBRARY = 'valibot';

function modulesBelow(folder) {
  const paths = readdirSync(folder, { recursive: true }).filter((path) => /^(?!page[\\/]).*\.js$/.test(path));
  return paths.filter((path) => !path.endsWith(`${joinedSuffix}.js`)).map((path) => join(folder, path));
}

const isOfLibrary = (path) => basename(path) === `${LIBRARY}.js`;

/** Without whitespace, esbuild leaves comments out, also those that bundlers read. */
async function compact(folder) {
  const { outputFiles } = await build({
    ...COMPACT,
    entryPoints: modulesBelow(folder).filter((path) => !isOfLibrary(path)),
    outdir: folder,
    outbase: folder,
    allowOverwrite: true,
    write: false,
    minifyWhitespace: true,
    sourcemap: 'inline',
    plugins: [keepLabels],
  });
  return outputFiles;
}

/** Puts the library's parts into their module, on one line, and its licence into the folder. The source map leads nowhere. */
async function inlineLibrary(folder, path) {
  const { sources } = JSON.parse(readFileSync(`${path}.map`, 'utf8'));
  const { outputFiles } = await build({
    ...COMPACT,
    // The module itself may hold the parts of an earlier version.
    entryPoints: [join(dirname(path), sources[0])],
    bundle: true,
    format: 'esm',
    write: false,
    minifyWhitespace: true,
  });
  writeIfChanged(path, `${outputFiles[0].text}//# sourceMappingURL=${basename(path)}.map\n`);
  writeIfChanged(`${path}.map`, JSON.stringify({ version: 3, sources, names: [], mappings: '' }));
  copyFileSync(join(rootFolder, 'node_modules', LIBRARY, 'LICENSE.md'), join(folder, `${LIBRARY}.license.md`));
}

async function slim(folder) {
  const modules = await compact(folder);
  const parts = modulesBelow(folder).filter(isOfLibrary);
  await Promise.all([...modules.map(writeModule), ...parts.map((path) => inlineLibrary(folder, path))]);
}

await Promise.all(process.argv.slice(2).map(slim));
