import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildFolder } from './build-folder.js';
import type { Measurement } from './measurement.js';

/** The subject under whose name two processes in C++ stand in the results. */
export const NATIVE_PAIR = 'EntropyNet shm C++ to C++';

/** The C library of the clone. An installed package has none beside it. */
const LIBRARY = fileURLToPath(new URL('../../native', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../native/native_peers.cc', import.meta.url));
/** The folders of the library's sources for Linux, below `src`. native/CMakeLists.txt says the same. */
const SOURCE_FOLDERS = ['.', 'posix', 'linux'];
/** As CMake builds a release. */
const C_FLAGS = ['-std=c11', '-O3', '-DNDEBUG', '-fPIC', '-fvisibility=hidden', '-pthread'];
const CPP_FLAGS = ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Werror', '-pthread'];
const TIMEOUT_MS = 60_000;

/** The files of one build. */
export interface NativePeers {
  /** `native_peers.cc`, with the library inside. */
  readonly program: string;
  /** The shared library, for Python. */
  readonly library: string;
  /** The folder of the package for Python. */
  readonly python: string;
}

let built: NativePeers | string | undefined;

/** The compiled peers; or why there are none, in one sentence. */
export function buildNativePeers(): NativePeers | string {
  built ??= build();
  return built;
}

function build(): NativePeers | string {
  if (process.platform !== 'linux') return 'the benchmark runs the C library on Linux only';
  const headers = join(LIBRARY, 'include');
  if (!existsSync(join(headers, 'entropynet.hpp')))
    return 'this is no clone of the repository, which has the C library';
  const sources = SOURCE_FOLDERS.flatMap((name) => {
    const folder = join(LIBRARY, 'src', name);
    return readdirSync(folder)
      .filter((file) => file.endsWith('.c'))
      .map((file) => join(folder, file));
  });
  const stamp = createHash('sha256').update([...C_FLAGS, ...CPP_FLAGS].join(' '));
  for (const path of [...sources, ...filesBelow(LIBRARY, '.h'), ...filesBelow(headers, '.hpp'), PROGRAM])
    stamp.update(readFileSync(path));
  const folder = buildFolder();
  if (folder === undefined) return 'the program could not be written';
  const done = join(folder, `native-peers-${stamp.digest('hex').slice(0, 16)}`);
  if (!existsSync(done)) {
    const problem = compile(folder, done, headers, sources);
    if (problem !== undefined) return problem;
  }
  const [program, library] = [join(done, 'native_peers'), join(done, 'libentropynet.so')];
  return { program, library, python: join(LIBRARY, 'python') };
}

/** Compiles into a folder of its own and gives it its name last, so that a run that is ended leaves no half of a build. */
function compile(folder: string, done: string, headers: string, sources: readonly string[]): string | undefined {
  const temporary = mkdtempSync(join(folder, 'native-peers-'));
  const run = (command: string, options: readonly string[]): string | undefined => {
    const { error, status, stderr } = spawnSync(command, [`-I${headers}`, ...options], {
      cwd: temporary,
      encoding: 'utf8',
    });
    if (error !== undefined) return `there is no ${command}`;
    if (status !== 0) throw new Error(`the native peers of the benchmark do not compile:\n${stderr}`);
    return undefined;
  };
  try {
    mkdirSync(join(temporary, 'built'));
    const problem =
      run('g++', ['--version']) ??
      run('gcc', [...C_FLAGS, '-c', ...sources]) ??
      run('gcc', ['-shared', '-pthread', ...objectsIn(temporary), '-o', 'built/libentropynet.so']) ??
      run('g++', [...CPP_FLAGS, PROGRAM, ...objectsIn(temporary), '-o', 'built/native_peers']);
    if (problem === undefined) renameSync(join(temporary, 'built'), done);
    return problem;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function objectsIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.o'));
}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, name));
}

interface Answer {
  readonly p50?: number;
  readonly p99?: number;
  readonly messagesPerSecond?: number;
}

/** One round of two processes in C++. */
export async function measureNativePair({ program }: NativePeers): Promise<Measurement[]> {
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-bench-'));
  const ask = async (mode: string): Promise<Answer> => {
    const { stdout } = await promisify(execFile)(program, [mode, directory], { timeout: TIMEOUT_MS });
    return JSON.parse(stdout) as Answer;
  };
  const latencies = (figure: string, { p50 = Number.NaN, p99 = Number.NaN }: Answer): Measurement[] => [
    { figure, statistic: 'p50', unit: 'µs', value: p50 },
    { figure, statistic: 'p99', unit: 'µs', value: p99 },
  ];
  try {
    const asleep = latencies('round trip 64 B, both asleep', await ask('sleep'));
    const { messagesPerSecond: value = Number.NaN } = await ask('rate');
    const rate: Measurement = { figure: 'one way 64 B', statistic: 'rate', unit: '/s', value };
    return [...latencies('round trip 64 B', await ask('spin')), ...asleep, rate];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
