// Runs suites of tests for another system, processor or C library on this machine, for scripts/test-windows.mjs,
// scripts/test-arm64.mjs and scripts/test-musl-suites.mjs: builds the addon for it, runs one suite after the other, keeps the
// results of the transports' suites in `docs/runs`, and prints what came of each. An emulator shows behaviour, not speed.
// Options of all: [--suite NAME]… [--grep TEXT | --part TEXT] [--addon FILE] [--output FOLDER]
//   --grep    only tests with that text; writes no results to `docs/runs`
//   --part    the same, with results: the table names the part, where a whole suite would take too long
//   --addon   the addon that scripts/cross-build.mjs built from these sources, instead of building it again
//   --output  where each suite's results go, as JSON; a folder below .ci/results by default

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { targets } from './cross-targets.mjs';
import { writeRun } from './platform-runs.mjs';
import { readResults } from './test-results.mjs';
import { rootFolder } from './workspace.mjs';

/** The suites that the table of the README has a column for. */
const KEPT = ['shared-memory', 'websocket'];

/** The test files below a folder of compiled tests whose names fit. */
export function specs(folder, name) {
  return readdirSync(join(rootFolder, folder))
    .filter((file) => file.endsWith('.spec.js') && name.test(file))
    .map((file) => join(folder, file));
}

const conformance = (name) => () => [join('test', 'dist', 'conformance', `${name}.spec.js`)];

/** The suites of both transports. */
export const TRANSPORT_SUITES = { 'shared-memory': conformance('shm'), websocket: conformance('ws') };

/** What Node.js or Bun is started with, so that it runs test files. */
export function suiteParameters({ files, grep, timeoutMs }) {
  return [
    ...['--expose-gc', '--conditions=entropynet-internal', join('scripts', 'run-suite.mjs')],
    ...['--timeout', String(timeoutMs), ...(grep === undefined ? [] : ['--grep', grep])],
    ...files,
  ];
}

/** Resolves with how a child process ended. */
export function endOf(child) {
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done(signal ?? `code ${code}`));
  });
}

/**
 * @param {object} emulated
 * @param {string} emulated.target of scripts/cross-targets.mjs
 * @param {object} emulated.where what `writeRun` is told of the system
 * @param {Record<string, () => string[]>} emulated.suites the test files of each
 * @param {() => string | undefined} emulated.missing what is not installed, as a sentence
 * @param {(suite: { name: string, folder: string, files: string[], grep?: string, addon: string, results: string }) =>
 *   Promise<string>} emulated.run runs test files to their end, and may use the folder; gives how that was
 * @returns {Promise<number>} the code to exit with
 */
export async function runEmulated({ target, where, suites, missing, run }) {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string', multiple: true, default: Object.keys(suites) },
      grep: { type: 'string' },
      part: { type: 'string' },
      addon: { type: 'string' },
      output: { type: 'string', default: join(rootFolder, '.ci', 'results', target) },
    },
  });
  const problem = problemWith(values, suites) ?? missing();
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-emulated-'));
  try {
    const addon = values.addon ?? buildAddon(target, folder);
    if (addon === undefined) return 1;
    mkdirSync(values.output, { recursive: true });
    const outcomes = [];
    for (const name of values.suite) {
      const file = resolve(values.output, `${name}.json`);
      rmSync(file, { force: true });
      process.stdout.write(`\n== ${name}\n`);
      const grep = values.grep ?? values.part;
      const ended = await run({ name, folder, files: suites[name](), grep, addon: resolve(addon), results: file });
      const results = completed(file, where.emulator);
      if (values.grep === undefined && results !== undefined && KEPT.includes(name))
        keep(where, name, values.part, results);
      outcomes.push({ name, ended, results });
    }
    process.stdout.write('\n');
    for (const outcome of outcomes) printResults(outcome);
    return outcomes.every(({ ended, results }) => ended === 'code 0' && results !== undefined) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The addon's file; undefined where it could not be built, which a line says. */
function buildAddon(target, folder) {
  const build = [join(rootFolder, 'scripts', 'cross-build.mjs'), '--fetch', '--output', folder, target];
  if (spawnSync(process.execPath, build, { stdio: 'inherit' }).status !== 0) return undefined;
  return join(folder, 'prebuilds', targets[target].file);
}

function problemWith({ suite: names, grep, part }, suites) {
  if (grep !== undefined && part !== undefined) return 'Both --grep and --part were given; one of them is allowed.';
  const unknown = names.find((name) => !Object.hasOwn(suites, name));
  return unknown && `The suite '${unknown}' was given; allowed are ${Object.keys(suites).join(', ')}.`;
}

/** Adds to a file of results what the emulated system can't know, and reads it; undefined where there is none. */
function completed(file, emulator) {
  const results = readResults(file);
  if (results === undefined) return undefined;
  // An emulated system may have no git.
  results.commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: rootFolder, encoding: 'utf8' }).stdout.trim();
  results.platform.emulator = emulator;
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  return results;
}

function keep(where, suite, text, results) {
  const part = text && `only tests with "${text}"`;
  writeRun({ ...where, suite, part, results });
}

function printResults({ name, ended, results }) {
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
