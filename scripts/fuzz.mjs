// Compiles the native code without Node and runs it under sanitizers and fuzzers, then the property tests of the parsers
// in TypeScript with many more inputs than the test run gives them.
// Usage: npm run fuzz [-- --seconds N] [--seed N] [--quick]. N seconds a fuzzer, 60 by default; --quick takes 1 second, and
// leaves out the addon in Node and the parsers, which the test run has. Needs a C++ compiler with sanitizers;
// with clang the fuzzers are guided by coverage, with another compiler inputs are changed at random.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { libraryFolder, librarySources, sourcesOfTest } from './library-sources.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const nativeFolder = join(root, 'packages', 'transport-shm', 'native');
const testFolder = join(nativeFolder, 'tests');

const FLAGS = [
  '-std=c++17',
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
  '-Wall',
  '-Wextra',
  '-Wshadow',
  '-Wconversion',
  '-Werror',
];
const MEMORY = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const THREADS = ['-fsanitize=thread'];
/** What the C library's fuzzers do in a second, roughly, without libFuzzer. */
const INPUTS_PER_SECOND = 1000;
const FUZZERS = ['region_copy', 'attach', 'handshake'];

/** Ends the run; the sentence is all the user needs to read. */
class FuzzError extends Error {}

function parseArguments(given) {
  const isQuick = given.includes('--quick');
  const options = { isQuick, seconds: isQuick ? 1 : 60, seed: Math.floor(Math.random() * 2 ** 31) };
  const rest = given.filter((argument) => argument !== '--quick');
  for (let index = 0; index < rest.length; index += 2) {
    const name = /^--(seconds|seed)$/.exec(rest[index])?.[1];
    const value = Number(rest[index + 1]);
    if (name === undefined)
      throw new FuzzError(`unknown argument '${rest[index]}'; allowed: --seconds N, --seed N, --quick`);
    if (!Number.isInteger(value) || value < 1)
      throw new FuzzError(
        `--${name} was given '${rest[index + 1] ?? 'nothing'}'; a whole number of 1 or more is allowed`,
      );
    options[name] = value;
  }
  return options;
}

/** The sources that need no Node, for this system. */
function coreSources() {
  const system = process.platform === 'darwin' ? 'macos' : 'linux';
  const folders = ['posix', system].map((name) => join(nativeFolder, 'platform', name));
  const platform = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(folder, name)),
  );
  return [...platform, join(nativeFolder, 'region_copy.cc')];
}

/** The compiler, and whether it has libFuzzer. */
function findCompiler(folder) {
  const source = join(folder, 'probe.cc');
  const program = join(folder, 'probe');
  writeFileSync(
    source,
    '#include <cstddef>\n#include <cstdint>\nextern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t) { return 0; }\n',
  );
  const compiles = (command, flags) => spawnSync(command, [...flags, '-o', program, source]).status === 0;
  if (compiles('clang++', ['-fsanitize=fuzzer,address'])) return { command: 'clang++', hasFuzzer: true };
  writeFileSync(source, 'int main() { return 0; }\n');
  const command = ['clang++', 'c++', 'g++'].find((each) => compiles(each, MEMORY) && compiles(each, THREADS));
  if (command === undefined)
    throw new FuzzError(
      'no C++ compiler with sanitizers was found: install one (Debian: apt-get install g++, or clang)',
    );
  return { command, hasFuzzer: false };
}

function compile(compiler, program, sources, flags) {
  const { status, stderr } = spawnSync(compiler.command, [...FLAGS, ...flags, '-pthread', '-o', program, ...sources], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new FuzzError(`${program} can't be compiled:\n${stderr}`);
}

/** Runs a program without address randomisation, which older thread sanitizers can't take. */
function run(program, options, environment = {}) {
  const started = performance.now();
  const hasSetarch = spawnSync('setarch', ['-R', 'true']).status === 0;
  const [command, ...prefix] = hasSetarch ? ['setarch', '-R', program] : [program];
  const { status, signal, stdout, stderr } = spawnSync(command, [...prefix, ...options], {
    cwd: dirname(program),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...environment },
  });
  return {
    isGood: status === 0,
    outcome: signal ?? `status ${status}`,
    output: stdout + stderr,
    ms: performance.now() - started,
  };
}

function report(what, how, result, detail = '') {
  const seconds = (result.ms / 1000).toFixed(1).padStart(6);
  console.log(`${result.isGood ? 'ok  ' : 'FAIL'} ${seconds} s  ${what.padEnd(34)} ${how}${detail}`);
  if (!result.isGood) console.log(`${result.outcome}\n${result.output.slice(-6000)}`);
  return result.isGood;
}

/** Compiles the C library with these sanitizers; returns the compiler of its programs, which takes the name of a test. */
function compileLibrary(folder, compiler, how, flags) {
  const command = { 'clang++': 'clang', 'g++': 'gcc' }[compiler.command] ?? 'cc';
  const options = ['-std=c11', ...FLAGS.slice(1), ...flags, '-pthread', `-I${join(libraryFolder, 'include')}`];
  const objects = join(folder, `library-${how}`);
  mkdirSync(objects);
  const compileWith = (words) => {
    const { status, stderr } = spawnSync(command, [...options, ...words], { cwd: objects, encoding: 'utf8' });
    if (status !== 0) throw new FuzzError(`the C library can't be compiled:\n${stderr}`);
  };
  const guides = compiler.hasFuzzer && flags === MEMORY ? ['-fsanitize=fuzzer-no-link'] : [];
  compileWith(['-c', ...guides, ...librarySources('linux')]);
  const compiled = readdirSync(objects).map((name) => join(objects, name));
  return (name, ...more) => {
    const program = join(folder, `${name}-${how}`);
    compileWith([...more, ...sourcesOfTest(name), ...compiled, '-o', program]);
    return program;
  };
}

/** The C library: its programs with several threads, then what a hostile peer can send. */
function runLibrary(folder, { seconds, seed }) {
  if (process.platform !== 'linux') {
    console.log('     not run: the C library, which runs on Linux');
    return [];
  }
  const compiler = findCompiler(folder);
  const results = [];
  const withThreads = compileLibrary(folder, compiler, 'threads', THREADS);
  for (const name of ['unit', 'urgent', 'handshakes']) {
    const directory = join(folder, `directory-${name}`);
    mkdirSync(directory, { mode: 0o700 });
    results.push(report(`C library: ${name}`, 'sanitizer: threads', run(withThreads(name), [directory])));
  }
  const withMemory = compileLibrary(folder, compiler, 'memory', MEMORY);
  const fuzzer = compiler.hasFuzzer ? ['-fsanitize=fuzzer', '-DENTROPYNET_FUZZER'] : [];
  for (const name of ['fuzz_frames', 'fuzz_handshake']) {
    const options = compiler.hasFuzzer
      ? [`-max_total_time=${seconds}`, `-seed=${seed}`, '-print_final_stats=1', '-max_len=1024']
      : [String(seconds * INPUTS_PER_SECOND), String(seed)];
    results.push(reportFuzzer(`C library: ${name}`, compiler, run(withMemory(name, ...fuzzer), options)));
  }
  return results;
}

function reportFuzzer(what, compiler, result) {
  const inputs = /number_of_executed_units: (\d+)/.exec(result.output)?.[1] ?? /(\d+) inputs/.exec(result.output)?.[1];
  const guide = compiler.hasFuzzer ? 'guided by coverage' : 'changed at random';
  return report(what, 'sanitizer: address and undefined behaviour', result, `; ${inputs ?? 0} inputs ${guide}`);
}

function runNative(folder, { seconds, seed }) {
  const compiler = findCompiler(folder);
  const core = coreSources();
  const results = [];
  for (const [how, flags, programs] of [
    [
      'address and undefined behaviour',
      MEMORY,
      [
        ['descriptor_test'],
        ['platform_test'],
        ['platform_test', 'withdrawal'],
        ['region_copy_test'],
        ['region_copy_test', 'hostile'],
      ],
    ],
    ['threads', THREADS, [['descriptor_test'], ['platform_test'], ['region_copy_test']]],
  ]) {
    for (const [name, ...options] of programs) {
      const program = join(folder, `${name}-${how.split(' ')[0]}`);
      compile(compiler, program, [join(testFolder, `${name}.cc`), ...core], flags);
      results.push(report([name, ...options].join(' '), `sanitizer: ${how}`, run(program, options)));
    }
  }
  for (const name of FUZZERS) {
    const program = join(folder, `fuzz_${name}`);
    const corpus = join(folder, `corpus-${name}`);
    mkdirSync(corpus);
    cpSync(join(testFolder, 'corpus', name), corpus, { recursive: true });
    const sources = [join(testFolder, `fuzz_${name}.cc`), ...core];
    if (compiler.hasFuzzer) compile(compiler, program, sources, ['-fsanitize=fuzzer', ...MEMORY]);
    else compile(compiler, program, [...sources, join(testFolder, 'fuzz_main.cc')], MEMORY);
    const options = compiler.hasFuzzer
      ? [`-max_total_time=${seconds}`, `-seed=${seed}`, '-print_final_stats=1', '-max_len=4096', corpus]
      : [corpus, String(seconds), String(seed)];
    results.push(reportFuzzer(`fuzz ${name}`, compiler, run(program, options)));
  }
  return results;
}

/** Specs whose peers misbehave, and whose processes and workers end in every way. */
const ADDON_SPECS = [
  'test/dist/faults/hostile-client',
  'test/dist/faults/hostile-region',
  'test/dist/faults/changing-region',
  'test/dist/faults/passed-regions',
  'test/dist/exit/exit-shm',
  'test/dist/variants/exit-shm-copied',
  'packages/transport-shm/test/dist/*',
];

/** The addon itself, in Node: built anew with sanitizers for this, and without them afterwards. */
function runAddon() {
  const found = spawnSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  const library = found.status === 0 ? found.stdout.trim() : '';
  if (!library.startsWith('/')) {
    console.log('     not run: addon in Node (its sanitizer is loaded before Node, which needs g++)');
    return true;
  }
  const setup = (options, environment) =>
    spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs'), ...options], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, ...environment },
    });
  const remove = () => {
    rmSync(join(root, 'packages', 'transport-shm', 'build'), { recursive: true, force: true });
  };
  const flags = '-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer';
  try {
    const built = setup(['--native-strict'], { CXX: 'g++', CXXFLAGS: flags, LDFLAGS: flags });
    if (built.status !== 0) throw new FuzzError(`the addon can't be built with sanitizers:\n${built.stderr}`);
    // Node.js keeps memory until its end, which is not a leak of the addon.
    const environment = { LD_PRELOAD: library, ASAN_OPTIONS: 'detect_leaks=0', ENTROPYNET_MATRIX: 'whole' };
    const specs = ADDON_SPECS.map((name) => `${name}.spec.js`);
    const result = runMocha([...specs, '--timeout', '120000'], environment);
    const passing = /(\d+) passing/.exec(result.output)?.[1] ?? '0';
    return report('addon in Node', 'sanitizer: address and undefined behaviour', result, `; ${passing} tests`);
  } finally {
    remove();
    setup(['--quiet'], {});
  }
}

function runMocha(options, environment) {
  const started = performance.now();
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--conditions=entropynet-internal', mocha, '--no-config', ...options],
    { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, ...environment } },
  );
  return {
    isGood: status === 0,
    outcome: `status ${status}`,
    output: stdout + stderr,
    ms: performance.now() - started,
  };
}

/** The parsers in TypeScript. */
function runProperties({ seconds, seed }) {
  const environment = { ENTROPYNET_FUZZ_SECONDS: String(seconds), ENTROPYNET_FUZZ_SEED: String(seed) };
  const result = runMocha(['--timeout', '0', 'test/dist/fuzz/*.spec.js'], environment);
  const inputs = [...result.output.matchAll(/\((\d+) inputs\)/g)].reduce((sum, [, number]) => sum + Number(number), 0);
  return report('parsers in TypeScript', 'property tests', result, `; ${inputs} inputs`);
}

const folder = mkdtempSync(join(tmpdir(), 'entropynet-fuzz-'));
try {
  const options = parseArguments(process.argv.slice(2));
  console.log(`seed ${options.seed}, ${options.seconds} s a fuzzer`);
  const results = [...runNative(folder, options), ...runLibrary(folder, options)];
  if (!options.isQuick) results.push(runAddon(), runProperties(options));
  process.exitCode = results.every(Boolean) ? 0 : 1;
} catch (error) {
  if (!(error instanceof FuzzError)) throw error;
  console.error(`fuzz: ${error.message}`);
  process.exitCode = 2;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
