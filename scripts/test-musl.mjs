// Runs the tests of the native code that need no Node.js against musl: for this processor, and under qemu for arm64. The
// programs bring musl with them, so none has to be installed. scripts/test-musl-suites.mjs runs the suites of the transports.
// Usage: npm run test:musl -- [TARGET ...]

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addonFolder } from '../packages/transport-shm/bin/addon-build.mjs';
import { findProgram, targets } from './cross-targets.mjs';

const nativeFolder = join(addonFolder, 'native');

const emulator = findProgram('qemu-aarch64-static') ?? findProgram('qemu-aarch64');

/** By name: how a program for the target is started. */
const TARGETS = {
  'linux-x64-musl': process.arch === 'x64' ? [] : undefined,
  'linux-arm64-musl': process.arch === 'arm64' ? [] : emulator && [emulator],
};

/** The tests, with their parameters. */
const TESTS = [
  ['descriptor_test'],
  ['platform_test'],
  ['platform_test', 'withdrawal'],
  ['region_copy_test'],
  ['region_copy_test', 'hostile'],
];

/** The sources that need no Node.js. */
function coreSources() {
  const folders = ['posix', 'linux'].map((name) => join(nativeFolder, 'platform', name));
  const below = (folder) => readdirSync(folder).filter((name) => name.endsWith('.cc'));
  return [
    ...folders.flatMap((folder) => below(folder).map((name) => join(folder, name))),
    join(nativeFolder, 'region_copy.cc'),
  ];
}

/** Gives whether the program ended well; prints what it said where it did not. */
function succeeds([program, ...parameters], environment) {
  const { status, signal, stdout, stderr, error } = spawnSync(program, parameters, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  if (error) throw error;
  if (status === 0) return true;
  process.stderr.write(
    `"${program} ${parameters.join(' ')}" ended with ${signal ?? `code ${status}`}:\n${stdout}${stderr}`,
  );
  return false;
}

function test(target, { compiler, environment }, starter, folder) {
  let isGood = true;
  for (const name of new Set(TESTS.map(([each]) => each))) {
    const program = join(folder, `${target}-${name}`);
    const sources = [join(nativeFolder, 'tests', `${name}.cc`), ...coreSources()];
    if (!succeeds([...compiler, '-static', '-o', program, ...sources], environment)) return false;
    for (const [, ...parameters] of TESTS.filter(([each]) => each === name)) {
      const passed = succeeds([...starter, program, ...parameters]);
      process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${target}: ${[name, ...parameters].join(' ')}\n`);
      isGood &&= passed;
    }
  }
  return isGood;
}

function main(names) {
  const unknown = names.find((name) => !Object.hasOwn(TARGETS, name));
  if (unknown !== undefined) {
    process.stderr.write(`The target '${unknown}' was given; allowed are ${Object.keys(TARGETS).join(', ')}.\n`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-musl-'));
  let isGood = true;
  try {
    for (const name of names.length > 0 ? names : Object.keys(TARGETS)) {
      const tools = targets[name].tools(true);
      const starter = TARGETS[name];
      if (tools.missing !== undefined) {
        process.stderr.write(`The tests for ${name} were not run: ${tools.missing}.\n`);
        isGood = false;
      } else if (starter === undefined) {
        process.stdout.write(`The tests for ${name} were not run: qemu-user-static is not installed.\n`);
      } else isGood = test(name, tools, starter, folder) && isGood;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return isGood ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
