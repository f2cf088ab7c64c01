import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { within } from '@entropynet/conformance/tools';
import { leaveOut } from '../support/leave-out.js';

/*
 * Connections in the environments of users: under test frameworks with fake clocks, after preload scripts, under flags
 * of Node.js. Each test is a separate process that runs everything in `exchange.ts`.
 */

const programs = fileURLToPath(new URL('./programs/', import.meta.url));
const require = createRequire(import.meta.url);

/** On a slow machine, jest and vitest need seconds to start. */
const LIMIT_MS = 240_000;

describe('connections in unusual environments, over shared memory and WebSocket', function () {
  this.timeout(LIMIT_MS + 5000);

  it('[ENVIRONMENT-1] work under fake clocks of sinon, and when these are installed and removed', () =>
    expectDone([program('sinon')]));

  it('[ENVIRONMENT-1] work under the mock timers of node:test', async () => {
    const { code, output } = await run(['--test', '--test-reporter=tap', program('node-test')]);
    expect(code, output).to.equal(0);
    expect(output).to.match(/^# pass 2$/mu);
  });

  it('[ENVIRONMENT-1] [ENVIRONMENT-2] work in jest, whose tests run in a realm of their own, and under its fake timers', async () => {
    const config = {
      rootDir: programs,
      testMatch: ['**/jest.test.js'],
      testEnvironment: 'node',
      transform: {},
      watchman: false,
    };
    const jest = join(dirname(require.resolve('jest/package.json')), 'bin/jest.js');
    const { code, output } = await run([
      '--experimental-vm-modules',
      jest,
      '--runInBand',
      '--no-cache',
      '--config',
      JSON.stringify(config),
    ]);
    expect(code, output).to.equal(0);
    expect(output).to.match(/^Tests: +5 passed, 5 total$/mu);
  });

  for (const pool of ['vmThreads', 'forks']) {
    it(`[ENVIRONMENT-1] [ENVIRONMENT-2] work in vitest with the pool ${pool}, and under its fake timers`, async () => {
      const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
      const { code, output } = await run([
        vitest,
        'run',
        'vitest.test',
        '--globals',
        `--pool=${pool}`,
        '--root',
        programs,
      ]);
      expect(code, output).to.equal(0);
      expect(output).to.match(/Tests +5 passed \(5\)/u);
    });
  }

  it('[ENVIRONMENT-1] work if timers are numbers, as in preload scripts of Electron', () =>
    expectDone(['--import', program('number-timers'), program('plain')]));

  it('[ENVIRONMENT-1] work if the global timers and microtasks do nothing', () =>
    expectDone(['--import', program('replaced-timers'), program('plain')]));

  it("[ENVIRONMENT-1] work in a memory cage and with Electron's changes, on copies of their regions", async function () {
    const isGlibc = process.platform === 'linux' && process.arch === 'x64';
    if (!isGlibc) leaveOut(this, "the test uses the audit interface of glibc's loader");
    if (spawnSync('cc', ['--version']).status !== 0) leaveOut(this, 'what needs a C compiler (apt-get install gcc)');
    const folder = mkdtempSync(join(tmpdir(), 'entropynet-cage-'));
    try {
      const cage = join(folder, 'cage.so');
      const source = fileURLToPath(new URL('../../native/memory-cage.c', import.meta.url));
      const compiled = spawnSync('cc', ['-O1', '-Wall', '-Werror', '-shared', '-fPIC', '-o', cage, source], {
        encoding: 'utf8',
      });
      expect(compiled.status, compiled.stderr).to.equal(0);
      await expectDone(['--import', program('electron'), program('memory-cage')], { LD_AUDIT: cage });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('work if prototypes were extended', () =>
    expectDone(['--import', program('extended-prototypes'), program('plain')]));

  it('[ENVIRONMENT-1] lose nothing when globals and clocks are faked and restored under traffic', () =>
    expectDone([program('restored-globals')]));

  for (const flags of [
    ['--frozen-intrinsics'],
    ['--disable-proto=throw'],
    ['--disable-proto=delete'],
    ['--disallow-code-generation-from-strings'],
    ['--jitless'],
    ['--throw-deprecation', '--pending-deprecation'],
    ['--unhandled-rejections=strict'],
    ['--zero-fill-buffers'],
  ]) {
    it(`work under ${flags.join(' ')}`, () => expectDone([...flags, program('plain')]));
  }
});

function program(name: string): string {
  return join(programs, `${name}.js`);
}

async function expectDone(line: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<void> {
  const { code, output } = await run(line, environment);
  expect(code, output).to.equal(0);
  expect(output).to.match(/^done$/mu);
}

/** Runs Node.js with those arguments to its end. */
async function run(
  line: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, line, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', CI: 'true', NODE_TEST_CONTEXT: undefined, ...environment },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  try {
    const code = await within(ended, `the program ended; so far: ${output}`, LIMIT_MS);
    expect(output, 'the warning of a callback that fails').to.contain('a callback failed: as planned');
    return { code, output };
  } finally {
    child.kill('SIGKILL');
  }
}
