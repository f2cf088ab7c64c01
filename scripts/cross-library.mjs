// Compiles the library for C for other systems, as a static and as a shared library, and links a program with each. Warnings are
// errors. Where a compiler is missing, one sentence says so.
// Usage: node scripts/cross-library.mjs [--available] [--fetch] [--wine] [--output FOLDER] [TARGET ...]
//   TARGET       see `targets` below; every one where none is given
//   --available  leave out the targets whose compiler is missing, instead of failing
//   --fetch      get the compiler that npm's registry has, into the user's cache
//   --wine       run the tests of the library for Windows under wine (apt-get install wine wine64)
//   --output     a folder for the libraries and programs, in a folder for each target; otherwise nothing is kept

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { forEach, forEachTarget, run } from './cross-commands.mjs';
import { findProgram, findZig, MACOS } from './cross-targets.mjs';
import { cacheFolder } from './tool-cache.mjs';
import { libraryFolder, librarySources, sourcesOfTest } from './library-sources.mjs';

/** The warnings of native/CMakeLists.txt. */
const WARNINGS = ['-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Wno-sign-conversion', '-Werror'];
const FLAGS = ['-std=c11', '-O2', ...WARNINGS, '-fvisibility=hidden', `-I${join(libraryFolder, 'include')}`];

/** What is built of the tests for Windows: `peers` need another program at their other end. */
const windowsPrograms = { tests: ['unit', 'urgent', 'handshakes'], peers: ['conformance'] };

/** By name: `system`, as librarySources() knows it, and `tools(canFetch)`, which gives `{ missing }`, the rest of a sentence. */
const targets = {
  'darwin-x64': { system: 'darwin', tools: (canFetch) => macos('darwin-x64', canFetch) },
  'darwin-arm64': { system: 'darwin', tools: (canFetch) => macos('darwin-arm64', canFetch) },
  'win32-x64': { system: 'win32', tools: () => windows('x86_64-w64-mingw32'), ...windowsPrograms },
};

function macos(name, canFetch) {
  const zig = findZig(canFetch);
  if (zig.missing !== undefined) return zig;
  const compiler = [zig.program, 'cc', '-target', MACOS[name]];
  const compile = [...compiler, ...FLAGS, '-fPIC'];
  const names = { shared: 'libentropynet.dylib', program: '' };
  return {
    compile,
    link: compiler,
    libraries: [],
    archive: [zig.program, 'ar'],
    environment: zig.environment,
    ...names,
  };
}

function windows(triple) {
  const [compiler, archiver] = [`${triple}-gcc-posix`, `${triple}-ar`].map(findProgram);
  if (compiler === undefined || archiver === undefined)
    return { missing: 'g++-mingw-w64-x86-64 is not installed (apt-get install g++-mingw-w64-x86-64)' };
  const compile = [compiler, ...FLAGS, '-D_WIN32_WINNT=0x0A00', '-D__USE_MINGW_ANSI_STDIO=1'];
  const names = { shared: 'entropynet.dll', program: '.exe' };
  // A program should need no library of the compiler.
  const libraries = ['-ladvapi32', '-lbcrypt', '-static'];
  return { compile, link: [compiler], libraries, archive: [archiver], ...names };
}

/** Compiles and links everything for one target into a folder. */
async function build(tools, { system, tests = [], peers = [] }, folder) {
  const { compile, link, libraries, archive, environment, shared, program } = tools;
  const runHere = (...command) => run(command, folder, environment);
  const sources = librarySources(system);
  const objects = sources.map((file) => join(folder, `${basename(file)}.o`));
  await forEach(sources.keys(), (index) => runHere(...compile, '-c', sources[index], '-o', objects[index]));
  await runHere(...archive, 'rcs', 'libentropynet.a', ...objects);
  await runHere(...link, '-shared', '-o', shared, ...objects, ...libraries);
  const hello = [...compile, join(libraryFolder, 'examples', 'hello.c')];
  await runHere(...hello, '-o', `hello${program}`, 'libentropynet.a', ...libraries);
  await runHere(...hello, '-o', `hello-shared${program}`, shared, ...libraries);
  for (const name of [...tests, ...peers])
    await runHere(...compile, ...sourcesOfTest(name), '-o', `${name}${program}`, 'libentropynet.a', ...libraries);
}

/** Runs programs of the tests under wine; throws where one fails. Its folder is one of its own: the user's is not touched. */
async function runUnderWine(names, folder) {
  const environment = { WINEPREFIX: join(cacheFolder, 'wine'), WINEDEBUG: '-all' };
  for (const name of names) {
    // The tests of handshakes make the folder that they are given.
    const parameters = name === 'handshakes' ? ['discovery'] : [];
    process.stdout.write(await run(['wine', `${name}.exe`, ...parameters], folder, environment));
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    options: {
      available: { type: 'boolean', default: false },
      fetch: { type: 'boolean', default: false },
      wine: { type: 'boolean', default: false },
      output: { type: 'string' },
    },
    allowPositionals: true,
  });
  return forEachTarget(targets, positionals, values, {
    work: async (name, tools) => {
      const isKept = values.output !== undefined;
      const folder = isKept ? resolve(values.output, name) : mkdtempSync(join(tmpdir(), 'entropynet-cross-'));
      mkdirSync(folder, { recursive: true });
      try {
        await build(tools, targets[name], folder);
        process.stdout.write(`${name}: compiled\n`);
        if (values.wine) await runUnderWine(targets[name].tests ?? [], folder);
      } finally {
        if (!isKept) rmSync(folder, { recursive: true, force: true });
      }
    },
    notDone: 'The library for C was not compiled for',
    failed: 'The library for C failed for',
  });
}

process.exitCode = await main();
