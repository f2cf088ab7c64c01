// Joins the modules of a package for Node.js, so that a program loads a few files and not a hundred: to find, read and link
// each of them takes more than half of the time of an import. Pages and bundlers get the separate modules, because they leave
// out what nobody uses. Tests get them too, by the condition `entropynet-internal`, so that a module has one instance there.
// Usage: node scripts/join-modules.mjs FOLDER …   each the folder of a package; its manifest names the files

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { transform } from 'esbuild';
import { rolldown } from 'rolldown';
import { COMPACT, joinedSuffix, writeModule } from './compact.mjs';
import { joinedEntries, rootFolder } from './workspace.mjs';

/** Gives the bundler the source map of each module, so that the joined ones lead to the sources. */
const withSourceMaps = {
  name: 'source-maps',
  load: (file) => ({ code: readFileSync(file, 'utf8'), map: readFileSync(`${file}.map`, 'utf8') }),
};

/** Removes the comments that name the joined modules. */
async function compact(path, text) {
  const { code } = await transform(text, {
    ...COMPACT,
    minifyWhitespace: true,
    sourcemap: 'inline',
    sourcefile: basename(path),
  });
  return { path, text: code };
}

async function joinModules(folder) {
  const dist = join(rootFolder, folder, 'dist');
  const nameOf = (file) => relative(dist, file).replace(/\.js$/, '').replaceAll('\\', '/');
  const bundle = await rolldown({
    input: Object.fromEntries(joinedEntries(folder).map((file) => [nameOf(file), file])),
    platform: 'node',
    // Other packages, the parts of a library in their module, and what the manifest chooses by the runtime.
    external: [/^[^./#]/, /\/valibot\.js$/, '#ws'],
    resolve: { conditionNames: ['node', 'import', 'default'] },
    plugins: [withSourceMaps],
    treeshake: false,
  });
  const { output } = await bundle.generate({
    dir: dist,
    format: 'esm',
    sourcemap: 'inline',
    entryFileNames: `[name]${joinedSuffix}.js`,
    chunkFileNames: `part-[hash]${joinedSuffix}.js`,
  });
  await bundle.close();
  const chunks = output.filter(({ type }) => type === 'chunk');
  const paths = new Set(chunks.map(({ fileName }) => resolve(dist, fileName)));
  for (const name of readdirSync(dist, { recursive: true })) {
    const path = resolve(dist, name);
    // A part has another name when its contents are others.
    if (path.endsWith(`${joinedSuffix}.js`) && !paths.has(path)) for (const old of [path, `${path}.map`]) rmSync(old);
  }
  await Promise.all(chunks.map(async (chunk) => writeModule(await compact(resolve(dist, chunk.fileName), chunk.code))));
}

await Promise.all(process.argv.slice(2).map(joinModules));
