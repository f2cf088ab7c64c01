// Compiles the library for C for systems that no check runs it on, as a static and as a shared library, and links a program with
// each. Warnings are errors. Nothing is kept. Where the compiler is missing, one sentence says so.
// Usage: node scripts/cross-library.mjs [--available] [--fetch] [TARGET ...]
//   TARGET       see `MACOS` in scripts/cross-targets.mjs; every one where none is given
//   --available  pass where the compiler is missing, instead of failing
//   --fetch      get the compiler that npm's registry has, into the user's cache

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { forEach, run } from './cross-commands.mjs';
import { findZig, MACOS } from './cross-targets.mjs';
import { libraryFolder, librarySources } from './library-sources.mjs';

/** The warnings of native/CMakeLists.txt. */
const WARNINGS = ['-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Wno-sign-conversion', '-Werror'];
const FLAGS = ['-std=c11', '-O2', ...WARNINGS, '-fvisibility=hidden', '-fPIC', `-I${join(libraryFolder, 'include')}`];

/** Compiles and links everything for one target. */
async function build({ program, environment }, triple) {
  const stage = mkdtempSync(join(tmpdir(), 'entropynet-cross-'));
  const runHere = (...command) => run(command, stage, environment);
  const compiler = [program, 'cc', '-target', triple];
  try {
    const sources = librarySources('darwin');
    const objects = sources.map((file) => join(stage, `${basename(file)}.o`));
    await forEach(sources.keys(), (index) =>
      runHere(...compiler, ...FLAGS, '-c', sources[index], '-o', objects[index]),
    );
    const hello = join(stage, 'hello.o');
    await runHere(...compiler, ...FLAGS, '-c', join(libraryFolder, 'examples', 'hello.c'), '-o', hello);
    await runHere(program, 'ar', 'rcs', 'libentropynet.a', ...objects);
    await runHere(...compiler, '-shared', '-o', 'libentropynet.dylib', ...objects);
    await runHere(...compiler, '-o', 'hello-static', hello, 'libentropynet.a');
    await runHere(...compiler, '-o', 'hello-shared', hello, 'libentropynet.dylib');
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { available: { type: 'boolean', default: false }, fetch: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const unknown = positionals.find((name) => !Object.hasOwn(MACOS, name));
  if (unknown !== undefined) {
    process.stderr.write(`The target '${unknown}' was given; allowed are ${Object.keys(MACOS).join(', ')}.\n`);
    return 2;
  }
  const zig = findZig(values.fetch);
  if (zig.missing !== undefined) {
    process.stderr.write(`The library for C was not compiled for macOS: ${zig.missing}.\n`);
    return values.available ? 0 : 1;
  }
  for (const name of positionals.length > 0 ? positionals : Object.keys(MACOS)) {
    try {
      await build(zig, MACOS[name]);
      process.stdout.write(`${name}: compiled, not run\n`);
    } catch (error) {
      process.stderr.write(`The library for C could not be compiled for ${name}. ${error.message}\n`);
      return 1;
    }
  }
  return 0;
}

process.exitCode = await main();
