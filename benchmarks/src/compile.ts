import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFolder } from './build-folder.js';

const FLAGS = ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Werror'];

/** The folder of the headers that come with this Node.js. */
export const NODE_HEADERS = join(process.execPath, '..', '..', 'include', 'node');

/**
 * Compiles `benchmarks/native/SOURCE` at its first use. Returns the path of the program, or the reason why there is
 * none, in one sentence. Throws if the source does not compile.
 */
export function compile(
  source: string,
  program: string,
  more: readonly string[] = [],
): { readonly program: string } | { readonly reason: string } {
  if (process.platform !== 'linux') return { reason: `${source} is compiled on Linux only` };
  const path = fileURLToPath(new URL(`../native/${source}`, import.meta.url));
  const flags = [...FLAGS, ...more];
  const stamp = createHash('sha256').update(readFileSync(path)).update(flags.join(' ')).digest('hex').slice(0, 16);
  const folder = buildFolder();
  if (folder === undefined) return { reason: `${source} is left out: its program could not be written` };
  const built = join(folder, `${stamp}-${program}`);
  if (existsSync(built)) return { program: built };
  if (more.includes(NODE_HEADERS) && !existsSync(join(NODE_HEADERS, 'node_api.h')))
    return { reason: `${source} is left out: there is no node_api.h in ${NODE_HEADERS}` };
  // No other process may run a program that is half written.
  const fresh = `${built}.${process.pid}`;
  const compiled = spawnSync('g++', [...flags, path, '-o', fresh], { encoding: 'utf8' });
  if (compiled.error !== undefined) return { reason: `${source} is left out: there is no g++` };
  if (compiled.status !== 0) throw new Error(`benchmarks/native/${source} does not compile:\n${compiled.stderr}`);
  renameSync(fresh, built);
  return { program: built };
}
