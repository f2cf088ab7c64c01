// What came of running a suite on a system and in a runtime: one file of `docs/runs` each, small enough to be kept in the
// repository. `scripts/platform-table.mjs` makes the table of the README from them.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootFolder } from './workspace.mjs';

export const runsFolder = join(rootFolder, 'docs', 'runs');

/** How many failed tests are named; the rest are counted. */
const NAMED_FAILURES = 20;

/**
 * Keeps the results of a suite.
 *
 * @param {object} run
 * @param {string} run.system `linux`, `darwin` or `win32`
 * @param {string} run.architecture `x64` or `arm64`
 * @param {string} [run.library] of Linux: `glibc` or `musl`
 * @param {string} run.runtime such as `node-22`
 * @param {string} run.suite `shared-memory`, `websocket` or `packages`
 * @param {string} [run.emulator] what stood in for the machine
 * @param {string} [run.part] which part of the suite was run, where it was not the whole
 * @param {object} run.results what `readResults` of test-results.mjs gives
 */
export function writeRun({ system, architecture, library, runtime, suite, emulator, part, results }) {
  const { date, commit, platform, passed, failed, leftOut, tests } = results;
  const titles = tests.filter(({ state }) => state === 'failed').map(({ title }) => title);
  const reasons = [...new Set(tests.filter(({ state }) => state === 'left out').map(({ reason }) => reason))];
  const run = {
    system,
    architecture,
    ...(library && { library }),
    runtime,
    version: platform.runtime,
    suite,
    ...(emulator && { emulator }),
    ...(part && { part }),
    date: date.slice(0, 10),
    commit: commit.slice(0, 7),
    passed,
    failed,
    leftOut,
    ...(titles.length > 0 && { failures: titles.slice(0, NAMED_FAILURES) }),
    ...(reasons.length > 0 && { reasons }),
  };
  const name = [system, architecture, library, runtime, suite].filter(Boolean).join('-');
  mkdirSync(runsFolder, { recursive: true });
  writeFileSync(join(runsFolder, `${name}.json`), `${JSON.stringify(run, null, 2)}\n`);
}

/** What was written, sorted by file name. */
export function readRuns() {
  const names = readdirSync(runsFolder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => JSON.parse(readFileSync(join(runsFolder, name), 'utf8')));
}
