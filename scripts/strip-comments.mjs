// Takes the comments out of compiled modules. V8 keeps the source of every module for as long as it is loaded, so comments
// take memory in each process of a user. The declarations keep their comments, for editors, and the sources are published
// with theirs; the source maps lead to them.
// Usage: node scripts/strip-comments.mjs FOLDER …   each a folder of compiled modules, with source maps beside them

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, transform } from 'esbuild';

/** The language stays as the compiler wrote it. Characters beyond ASCII would double the memory of a source. */
const OPTIONS = { target: 'esnext', charset: 'ascii', legalComments: 'none', sourcesContent: false };

function modulesBelow(folder) {
  const paths = readdirSync(folder, { recursive: true }).filter((path) => /^(?!page[\\/]).*\.js$/.test(path));
  return paths.map((path) => join(folder, path));
}

/**
 * The labels at which tests stop a process (docs/adr/0008) stay. Between the two passes they are texts that nobody uses, because
 * esbuild keeps those.
 */
const keepLabels = {
  name: 'labels',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(/^(\s*)\/\/ (STEP\([^)"]+\))$/gm, '$1"$2";'),
      loader: 'js',
    }));
  },
};

const withLabels = (code) => code.replace(/^(\s*)"(STEP\([^)"]+\))";$/gm, '$1// $2');

function writeIfChanged(path, text) {
  if (readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
}

/** Without whitespace esbuild leaves comments out, but for annotations that bundlers read. */
async function compact(folder) {
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: modulesBelow(folder),
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

/** Gives a module its lines back, so that people can read it and a stack trace without source maps says where. */
async function writeModule({ path, text }) {
  const { code, map } = await transform(text, { ...OPTIONS, sourcemap: 'external', sourcefile: basename(path) });
  writeIfChanged(path, `${withLabels(code)}//# sourceMappingURL=${basename(path)}.map\n`);
  writeIfChanged(`${path}.map`, map);
}

const folders = process.argv.slice(2);
await Promise.all(folders.map(async (folder) => Promise.all((await compact(folder)).map(writeModule))));
