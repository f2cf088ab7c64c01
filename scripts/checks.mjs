// Runs the checks, each to its end, and prints what failed and the totals at the end.
// Usage: node scripts/checks.mjs change|full
//   change  what a change must pass (.ci/run): the tests, then what a change can break most easily
//   full    everything, without a limit (.ci/full): every behaviour in every placement, the faults and fuzzers in their long
//           form, the models, the soak; the results of each suite go to .ci/results

import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
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

const suites = [
  databases,
  natsServer,
  nativeTools,
  tests('test'),
  tests('test:servers'),
  tests('test:variants'),
  tests('test:programs'),
  tests('test:packages'),
  browser,
  tests('test:browser'),
  tests('test:pages'),
  step('lint', 'npm', 'run', 'lint'),
  step('type check', 'npm', 'run', 'typecheck'),
  step('API reference', 'npm', 'run', 'docs'),
  step('native build with warnings as errors', 'npm', 'run', 'build:native:strict'),
];

const RUNS = {
  change: {
    checks: [
      ...suites,
      addonsFor('--available', 'win32-x64', 'darwin-arm64'),
      step('native code under sanitizers and fuzzers', 'npm', 'run', 'fuzz', '--', '--quick'),
    ],
    environment: {},
  },
  full: {
    checks: [
      ...suites,
      addonsFor('--available', '--fetch'),
      step('native code and parsers under fuzzers', 'npm', 'run', 'fuzz'),
      spin,
      step('models of the protocol', 'npm', 'run', 'verify'),
      step('traffic, kills and restarts', 'npm', 'run', 'soak'),
      step('traffic over a NATS server that dies every 20 seconds', 'npm', 'run', 'soak', '--', '--nats'),
    ],
    environment: { ENTROPYNET_MATRIX: 'whole', ENTROPYNET_FAULTS: 'full' },
  },
};

/** Runs a command to its end; what it prints is shown at once, and the last of it is kept. */
function run([program, ...parameters], environment) {
  return new Promise((done) => {
    let last = '';
    const child = spawn(program, parameters, {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    for (const [stream, target] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.on('data', (chunk) => {
        target.write(chunk);
        last = (last + chunk.toString()).slice(-SHOWN_CHARACTERS);
      });
    }
    child.once('error', (error) => done({ outcome: error.message, isGood: false, last }));
    child.once('close', (code, signal) => {
      done({ outcome: signal ?? `code ${code}`, isGood: code === 0, last });
    });
  });
}

/** What came of one check. */
async function outcomeOf({ name, command, hasResults }, environment) {
  process.stdout.write(`\n== ${name}\n`);
  const file = join(resultsFolder, `${name.replaceAll(/\W+/g, '-')}.json`);
  const ended = await run(command, { ...environment, ...(hasResults && { ENTROPYNET_TEST_RESULTS: file }) });
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
  // A run that is stopped from outside says what it knows; its children get the same signal from the terminal or end with it.
  process.once('SIGTERM', () => {
    printEnd([
      ...outcomes,
      { name: 'all checks', passed: 0, leftOut: [], failures: [stopped(checks[outcomes.length])] },
    ]);
    process.exit(143);
  });
  for (const check of checks) outcomes.push(await outcomeOf(check, environment));
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
