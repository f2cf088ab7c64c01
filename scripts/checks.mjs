// Runs the checks, each to its end, and prints what failed and the totals at the end.
// Usage: node scripts/checks.mjs change|full
//   change  what a change must pass (.ci/run): the tests, then what a change can break most easily
//   full    everything, without a limit (.ci/full): every behaviour in every placement, the faults and fuzzers in their long
//           form, the models, the soak, the other runtimes and systems; results go to .ci/results and docs/runs

import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { readResults } from './test-results.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const resultsFolder = join(root, '.ci', 'results');
const crossFolder = join(root, '.ci', 'results', 'addons');

/** How much of a failure is shown again at the end; everything stands where it happened. */
const SHOWN_FAILURES = 12;
const SHOWN_CHARACTERS = 700;

/** A script of package.json that runs tests and writes their results. */
const tests = (script) => ({ name: script, command: ['npm', 'run', script], hasResults: true });

/** A command that passes or fails as a whole. */
const step = (name, ...command) => ({ name, command });

/** The page's tests need a Chromium; npm has none. */
const browser = step(
  'a browser',
  'bash',
  '-c',
  'command -v chromium google-chrome || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }',
);

const spin = step(
  'a model checker',
  'bash',
  '-c',
  'command -v spin || { apt-get update -qq && apt-get install -y -qq --no-install-recommends spin; }',
);

/**
 * Builds the addon for systems whose sources no other check compiles, and checks what it needs of a system. Where a compiler is
 * missing, a line says so.
 */
const addonsFor = (...options) =>
  step('addons for other systems', 'node', 'scripts/cross-build.mjs', '--output', crossFolder, ...options);

/** Compiles the library for C for systems that no other check compiles it for. Where the compiler is missing, a line says so. */
const libraryFor = (...options) =>
  step('the library for C on other systems', 'node', 'scripts/cross-library.mjs', ...options);

/** The tests of real clients need the servers of two databases; npm has none. */
const databases = step(
  'the servers of two databases',
  'bash',
  '-c',
  "command -v redis-server && compgen -G '/usr/lib/postgresql/*/bin/postgres' || { apt-get update -qq && " +
    'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server postgresql; }',
);

/** The tests over NATS need its server; npm has none. */
const natsServer = step(
  'a NATS server',
  'bash',
  '-c',
  'command -v nats-server || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nats-server; }',
);

/** The tests of the library for C need CMake and a compiler; npm has none. */
const nativeTools = step(
  'a C compiler and CMake',
  'bash',
  '-c',
  'command -v cmake && command -v cc && command -v c++ && command -v pkg-config || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends cmake gcc g++ make pkg-config; }',
);

/** The suites on other systems need their emulators and compilers; npm has none. */
const emulators = step(
  'emulators of other systems',
  'bash',
  '-c',
  'command -v wine && command -v x86_64-w64-mingw32-g++ && command -v qemu-aarch64-static && ' +
    'command -v patchelf && [ -e /lib/ld-musl-x86_64.so.1 ] && ' +
    '[ -e /usr/aarch64-linux-gnu/lib/libstdc++.so.6 ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive ' +
    'apt-get install -y -qq --no-install-recommends wine wine64 g++-mingw-w64-x86-64 qemu-user-static libc6-arm64-cross ' +
    'libstdc++6-arm64-cross musl patchelf; }',
);

/** Each writes its results to docs/runs, from which the table in the README comes. */
const platforms = [
  step('runtimes and releases', 'npm', 'run', 'test:runtimes'),
  emulators,
  step('native tests with musl', 'npm', 'run', 'test:musl'),
  step('suites in Bun for musl', 'npm', 'run', 'test:musl-suites'),
  step('suites in Windows under wine', 'npm', 'run', 'test:windows'),
  step('the library for C in Windows under wine', 'node', 'scripts/cross-library.mjs', '--wine', 'win32-x64'),
  step('suites on arm64 under qemu', 'npm', 'run', 'test:arm64'),
];

/** The suites that use both processors. */
const suites = [
  databases,
  natsServer,
  nativeTools,
  tests('test'),
  tests('test:servers'),
  tests('test:variants'),
  tests('test:programs'),
  browser,
  tests('test:browser'),
  tests('test:pages'),
];

/** Checks of the sources: none of them writes what another reads. */
const sources = [
  step('lint', 'npm', 'run', 'lint'),
  step('type check', 'npm', 'run', 'typecheck'),
  step('API reference', 'npm', 'run', 'docs'),
];

/** It replaces the addon, so nothing else runs beside it. */
const strictBuild = step('native build with warnings as errors', 'npm', 'run', 'build:native:strict');

/** Each of these uses one processor, so the lanes run side by side; the checks of a lane run one after the other. */
const beside = (...lanes) => ({ lanes });

const RUNS = {
  change: {
    checks: [
      ...suites,
      beside(
        [tests('test:packages')],
        [
          ...sources,
          addonsFor('--available', 'win32-x64', 'darwin-arm64'),
          libraryFor('--available'),
          step('native code under sanitizers and fuzzers', 'npm', 'run', 'fuzz', '--', '--quick'),
        ],
      ),
      strictBuild,
    ],
    environment: {},
  },
  full: {
    checks: [
      ...suites,
      beside(
        [tests('test:packages')],
        [...sources, addonsFor('--available', '--fetch'), libraryFor('--available', '--fetch')],
      ),
      strictBuild,
      step('native code and parsers under fuzzers', 'npm', 'run', 'fuzz'),
      spin,
      step('models of the protocol', 'npm', 'run', 'verify'),
      step('traffic, kills and restarts', 'npm', 'run', 'soak'),
      step('traffic over a NATS server that dies every 20 seconds', 'npm', 'run', 'soak', '--', '--nats'),
      ...platforms,
    ],
    environment: { ENTROPYNET_MATRIX: 'whole', ENTROPYNET_FAULTS: 'full' },
  },
};

/** Runs a command to its end. `print` gets all that it prints, and the last of it is kept. */
function run([program, ...parameters], environment, print) {
  return new Promise((done) => {
    let last = '';
    const child = spawn(program, parameters, {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        print(chunk);
        last = (last + chunk.toString()).slice(-SHOWN_CHARACTERS);
      });
    }
    child.once('error', (error) => done({ outcome: error.message, isGood: false, last }));
    child.once('close', (code, signal) => {
      done({ outcome: signal ?? `code ${code}`, isGood: code === 0, last });
    });
  });
}

const show = (text) => {
  process.stdout.write(text);
};

/** What came of one check. */
async function outcomeOf({ name, command, hasResults }, environment, print = show) {
  print(`\n== ${name}\n`);
  const file = join(resultsFolder, `${name.replaceAll(/\W+/g, '-')}.json`);
  const started = performance.now();
  const ended = await run(command, { ...environment, ...(hasResults && { ENTROPYNET_TEST_RESULTS: file }) }, print);
  print(`== ${name}: ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
  const failure = (title, error) => ({ name, title, error });
  if (!hasResults) {
    const failures = ended.isGood ? [] : [failure(`ended with ${ended.outcome}`, ended.last)];
    return { name, passed: ended.isGood ? 1 : 0, leftOut: [], failures };
  }
  const results = readResults(file);
  const failures = (results?.tests ?? [])
    .filter(({ state }) => state === 'failed')
    .map(({ title, error }) => failure(title, String(error).slice(0, SHOWN_CHARACTERS)));
  // Each of these is a failure of its own: tests that did not run, or a hook after the last of them.
  if (results === undefined) failures.push(failure(`ended with ${ended.outcome} and without results`, ended.last));
  else if (results.passed + failures.length === 0) failures.push(failure('ran no test', ended.last));
  else if (!ended.isGood && failures.length === 0) failures.push(failure(`ended with ${ended.outcome}`, ended.last));
  const leftOut = (results?.tests ?? []).filter(({ state }) => state === 'left out');
  return { name, passed: results?.passed ?? 0, leftOut, failures };
}

/** What came of the checks of a lane. All that a check prints is shown when it has ended, because others print, too. */
async function outcomesOfLane(checks, environment, onOutcome) {
  for (const check of checks) {
    const output = [];
    const outcome = await outcomeOf(check, environment, (chunk) => output.push(Buffer.from(chunk)));
    show(Buffer.concat(output));
    onOutcome(outcome);
  }
}

function printFailures(failures) {
  if (failures.length === 0) return;
  const lines = failures.slice(0, SHOWN_FAILURES).map(({ name, title, error }) => {
    const text = error.trim().replaceAll('\n', '\n    ');
    return `FAILED: ${name}: ${title}\n    ${text}\n`;
  });
  for (const { name, title } of failures.slice(SHOWN_FAILURES)) lines.push(`FAILED: ${name}: ${title}`);
  process.stdout.write(`\n${lines.join('\n')}\n`);
}

function printTable(outcomes) {
  process.stdout.write('\n| suite | passed | failed | left out |\n| --- | --- | --- | --- |\n');
  for (const { name, passed, failures, leftOut } of outcomes) {
    process.stdout.write(`| ${name} | ${passed} | ${failures.length} | ${leftOut.length} |\n`);
  }
  const reasons = new Map();
  for (const { reason } of outcomes.flatMap(({ leftOut }) => leftOut))
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  for (const [reason, count] of reasons) process.stdout.write(`${count} left out: ${reason}\n`);
}

function printEnd(outcomes) {
  const failures = outcomes.flatMap((outcome) => outcome.failures);
  printFailures(failures);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const leftOut = outcomes.reduce((sum, outcome) => sum + outcome.leftOut.length, 0);
  const totals = `${passed} passed, ${failures.length} failed`;
  process.stdout.write(`\n${leftOut > 0 ? `${totals}, ${leftOut} skipped` : totals}\n`);
  return failures.length === 0;
}

async function main(kind) {
  const { checks, environment } = RUNS[kind];
  rmSync(resultsFolder, { recursive: true, force: true });
  mkdirSync(resultsFolder, { recursive: true });
  const outcomes = [];
  const onOutcome = (outcome) => {
    outcomes.push(outcome);
  };
  // A run that is stopped from outside says what it knows; its children get the same signal from the terminal or end with it.
  process.once('SIGTERM', () => {
    const ended = new Set(outcomes.map(({ name }) => name));
    const next = checks.flatMap((check) => check.lanes?.flat() ?? check).find(({ name }) => !ended.has(name));
    printEnd([...outcomes, { name: 'all checks', passed: 0, leftOut: [], failures: [stopped(next ?? checks.at(-1))] }]);
    process.exit(143);
  });
  for (const check of checks) {
    if (check.lanes === undefined) onOutcome(await outcomeOf(check, environment));
    else await Promise.all(check.lanes.map((lane) => outcomesOfLane(lane, environment, onOutcome)));
  }
  if (kind === 'full') printTable(outcomes);
  process.exitCode = printEnd(outcomes) ? 0 : 1;
}

const stopped = ({ name }) => ({ name, title: 'was stopped before it ended', error: 'SIGTERM' });

const kind = process.argv[2];
if (kind === undefined || !(kind in RUNS)) {
  process.stderr.write(`checks: '${kind ?? 'nothing'}' was given; change or full is allowed\n`);
  process.exitCode = 2;
} else {
  await main(kind);
}
