// The results of a suite of tests as a file: written by reporters, read by scripts/checks.mjs.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release } from 'node:os';
import { dirname } from 'node:path';

/** Why a test was left out stands at the end of its title. */
const REASON = /\((?:skipped|left out): ([^]*)\)$/;

/**
 * @param {string} file where to write
 * @param {{ file?: string, title: string, state: 'passed' | 'failed' | 'left out', durationMs: number, error?: string }[]} tests
 * @param {number} started when the suite began, in milliseconds since the epoch
 */
export function writeResults(file, tests, started) {
  const count = (state) => tests.filter((test) => test.state === state).length;
  const results = {
    date: new Date(started).toISOString(),
    commit: spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).stdout?.trim() || 'unknown',
    platform: {
      system: `${platform()} ${release()}`,
      processor: `${arch()}, ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} threads`,
      node: process.versions.node,
      runtime: runtimeVersion(),
    },
    durationMs: Date.now() - started,
    passed: count('passed'),
    failed: count('failed'),
    leftOut: count('left out'),
    tests: tests.map((test) => ({
      ...test,
      ...(test.state === 'left out' && { reason: REASON.exec(test.title)?.[1] ?? 'the test says so when it runs' }),
    })),
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
}

/** The version of the runtime that this is, in its own count. */
function runtimeVersion() {
  const { bun, deno, node } = process.versions;
  return bun ?? deno ?? node;
}

/** What `writeResults` wrote; undefined where the suite ended without it. */
export function readResults(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
