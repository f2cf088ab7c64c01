// How the published modules are written: `slim-modules.mjs` and `join-modules.mjs` share it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { transform } from 'esbuild';

/** The language stays as the compiler wrote it. Characters beyond ASCII would double the memory of a source. */
export const COMPACT = { target: 'esnext', charset: 'ascii', legalComments: 'none', sourcesContent: false };

/** The end of the name of a file that joins modules, before its extension. */
export const joinedSuffix = '.joined';

/** Calls without an effect. A bundler leaves them out where nobody uses their result, if their module says so. */
const PURE = ['Promise.resolve', 'Reflect.get', 'TextDecoder', 'TextEncoder'];

/**
 * The labels at which tests stop a process (docs/adr/0008) stay. Between the two passes they are texts that nobody uses, because
 * esbuild keeps those.
 */
export const keepLabels = {
  name: 'labels',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(/^(\s*)\/\/ (STEP\([^)"]+\))$/gm, '$1"$2";'),
      loader: 'js',
    }));
  },
};

const withLabels = (code) => code.replace(/^(\s*)"(STEP\([^)"]+\))";$/gm, '$1// $2');

export function writeIfChanged(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/**
 * Writes a module that has no whitespace and its source map in itself. Gives it its lines back, so that people can read it
 * and a stack trace without source maps says where.
 */
export async function writeModule({ path, text }) {
  const { code, map } = await transform(text, {
    ...COMPACT,
    pure: PURE,
    sourcemap: 'external',
    sourcefile: basename(path),
  });
  writeIfChanged(path, `${withLabels(code)}//# sourceMappingURL=${basename(path)}.map\n`);
  writeIfChanged(`${path}.map`, map);
}
