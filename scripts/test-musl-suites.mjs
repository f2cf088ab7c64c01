// Runs the suites of both transports in Bun for musl, with the addon for musl, on a system with glibc. Bun and the compiler come
// from npm's registry into the user's cache; scripts/bun-musl.mjs tells what else Bun needs. npm's registry has no Node.js for
// musl. The results go to `docs/runs`, for the table of the README (`npm run docs:platforms`).
// Usage: npm run test:musl-suites -- [options]; scripts/emulated-suites.mjs lists them

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBun, missingForBun } from './bun-musl.mjs';
import { endOf, runEmulated, suiteParameters, TRANSPORT_SUITES } from './emulated-suites.mjs';
import { rootFolder } from './workspace.mjs';

/** A suite that has not ended by then has stopped; none takes a tenth of it. */
const LIMIT_MS = 30 * 60_000;
const TEST_TIMEOUT_MS = 20_000;

/** Runs test files to their end; resolves with how it ended. */
async function run({ files, grep, addon, results }) {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-musl-'));
  try {
    const child = spawn(makeBun(folder), suiteParameters({ files, grep, timeoutMs: TEST_TIMEOUT_MS }), {
      cwd: rootFolder,
      env: { ...process.env, ENTROPYNET_ADDON_PATH: addon, ENTROPYNET_TEST_RESULTS: results },
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    return await endOf(child);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const where = { system: 'linux', architecture: 'x64', library: 'musl', runtime: 'bun' };
const suites = TRANSPORT_SUITES;
process.exitCode = await runEmulated({ target: 'linux-x64-musl', where, suites, missing: missingForBun, run });
