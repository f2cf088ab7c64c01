// Bun for musl on a system with glibc. Debian's package `musl` has the C library and its loader. Bun also needs the C++ library
// of GCC, which Debian has for glibc only. Bun calls some forty functions of it, such as those of its trees and hash tables, and
// these call nothing that musl lacks but for two names. So the few parts of GCC's archive that Bun needs, linked against musl,
// stand in for it. The addon is not concerned: it brings a C++ library for musl with it.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, findZig } from './cross-targets.mjs';
import { cachedPackage } from './tool-cache.mjs';

const BUN = ['@oven/bun-linux-x64-musl', '1.4.5'];

const LOADER = '/lib/ld-musl-x86_64.so.1';

/** What GCC's archive takes from glibc and musl does not have. */
const REST = `#include <sys/random.h>
char __libc_single_threaded = 0;
unsigned arc4random(void) {
  unsigned value = 0;
  if (getrandom(&value, sizeof value, 0) != sizeof value) __builtin_trap();
  return value;
}
`;

/** Gives what is not installed, as a sentence; undefined where everything is there. */
export function missingForBun() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'Bun for musl runs on Linux on x64 only.';
  if (!existsSync(LOADER)) return `${LOADER} is not installed (apt-get install musl).`;
  for (const [name, from] of Object.entries({ patchelf: 'patchelf', nm: 'binutils', 'g++': 'g++' }))
    if (findProgram(name) === undefined) return `${name} is not installed (apt-get install ${from}).`;
  return undefined;
}

/**
 * Makes a copy of Bun that starts here, with the C++ library beside it.
 *
 * @param {string} folder for both, which the caller removes
 * @returns {string} the program
 */
export function makeBun(folder) {
  const program = join(folder, 'bun');
  copyFileSync(join(cachedPackage(...BUN), 'bin', 'bun'), program);
  chmodSync(program, 0o755);
  makeLibrary(program, folder);
  // A variable that names the folder would reach the programs for glibc that tests start, too.
  outputOf(['patchelf', '--set-rpath', '$ORIGIN', program]);
  return program;
}

function makeLibrary(program, folder) {
  const name = 'libstdc++.so.6';
  const source = join(folder, 'rest.c');
  writeFileSync(source, REST);
  const { missing, program: zig, environment } = findZig(true);
  if (missing !== undefined) throw new Error(missing);
  const archive = outputOf(['g++', '-print-file-name=libstdc++.a']).trim();
  const inArchive = new Set(namesIn(outputOf(['nm', '--defined-only', '--extern-only', archive])));
  const wanted = namesIn(outputOf(['nm', '--dynamic', program])).filter((each) => inArchive.has(each));
  outputOf(
    [
      ...[zig, 'cc', '-target', 'x86_64-linux-musl', '-shared', '-fPIC', '-s', '-o', join(folder, name)],
      ...[`-Wl,-soname,${name}`, ...wanted.map((each) => `-Wl,-u,${each}`), source, archive, '-lunwind'],
    ],
    environment,
  );
}

/** The symbols in what nm prints. */
function namesIn(text) {
  return text
    .split('\n')
    .map((line) => /\s[A-Za-z] (\S+?)(?:@\S+)?$/.exec(line)?.[1])
    .filter((name) => name !== undefined);
}

function outputOf([program, ...parameters], environment) {
  const { status, stdout, stderr, error } = spawnSync(program, parameters, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 1 << 26,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`"${program}" ended with code ${status}:\n${stderr}`);
  return stdout;
}
