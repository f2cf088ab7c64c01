// What each process that runs tests does first and last. Mocha loads this file in the process that reports and in its workers.
//
// Test files run in parallel, and tests look at what is left in the temporary folder. So each process has a temporary folder
// of its own, inside of one that goes at the end. Their names are short, because the path of a local socket is limited.

import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';

/** Longer than anything takes that a test has begun to close. */
const CLOSING_MS = 20_000;
const POLL_MS = 5;

const worker = process.env.MOCHA_WORKER_ID;
if (worker === undefined) {
  const folder = folderForEverybody(mkdtempSync(join(shortFolder(), 'en-')));
  process.env.TMPDIR = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
} else {
  const folder = join(tmpdir(), worker);
  mkdirSync(folder);
  process.env.TMPDIR = folderForEverybody(folder);
}
// The default directory of servers is in the temporary folder, too.
delete process.env.XDG_RUNTIME_DIR;

/** The temporary folder; on macOS the one of the user has a path of fifty bytes, and /tmp works, too. */
function shortFolder() {
  if (process.platform === 'win32') return tmpdir();
  try {
    accessSync('/tmp', constants.W_OK);
    return realpathSync('/tmp');
  } catch {
    return tmpdir();
  }
}

/** As the system's own: tests start programs of other users. */
function folderForEverybody(folder) {
  chmodSync(folder, 0o1777);
  return folder;
}

/** What keeps this process alive, and the test folders in the temporary one: of each how many. */
function openThings() {
  const things = new Map();
  const names = readdirSync(tmpdir()).filter((name) => /^en(?:tropynet)?-.*[^\d-]/.test(name));
  const resources = process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate');
  for (const thing of [...resources, ...names]) things.set(thing, (things.get(thing) ?? 0) + 1);
  return things;
}

function moreThan(before) {
  return [...openThings()].filter(([thing, count]) => count > (before.get(thing) ?? 0));
}

let atStart;

/** Around each file of tests in a worker; around all files where one process runs them all. */
export const mochaHooks = {
  async beforeAll() {
    // Mocha's own timer of the hook is there now, as in the other hook.
    await turn();
    atStart = openThings();
  },

  /** A worker is ended when its last file is through, so nobody else would notice what a file left open. */
  async afterAll() {
    this.timeout(2 * CLOSING_MS);
    const deadline = performance.now() + CLOSING_MS;
    await turn();
    let left = moreThan(atStart);
    while (left.length > 0 && performance.now() < deadline) {
      await pause(POLL_MS, undefined, { ref: false });
      left = moreThan(atStart);
    }
    if (left.length === 0) return;
    const file = this.test?.parent?.suites.find((suite) => suite.file !== undefined)?.file;
    throw new Error(`${file ?? 'the tests'} left open: ${left.map((each) => each.join(' × ')).join(', ')}`);
  },
};
