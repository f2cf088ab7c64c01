import { type Scope, scoped, skippedTest, until } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { natsUnavailable } from '../support/nats/nats-server.js';

const PROGRAM = fileURLToPath(new URL('../../../examples/canvas/dist/main.js', import.meta.url));
const UPLOAD = fileURLToPath(new URL('../../../README.md', import.meta.url));

interface Started {
  readonly program: ChildProcess;
  /** The program's own temporary folder. */
  readonly temporary: string;
  readonly outcome: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

function start(scope: Scope, environment: NodeJS.ProcessEnv = {}): Started {
  const temporary = mkdtempSync(join(tmpdir(), 'en-canvas-nats-'));
  scope.defer(() => {
    rmSync(temporary, { recursive: true, force: true });
  });
  const program = spawn(process.execPath, [PROGRAM, '--nats', '--json', '--file', UPLOAD], {
    env: { ...process.env, ...environment, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  scope.defer(() => program.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  program.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()));
  program.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()));
  const outcome = once(program, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  return { program, temporary, outcome };
}

describe('the canvas example over NATS', function () {
  // The test starts two processes in each of four runs.
  this.timeout(180_000);

  it(
    'says in one sentence how to get a NATS server where there is none',
    scoped(async (scope) => {
      const { outcome, temporary } = start(scope, { NATS_SERVER: '/nowhere/nats-server' });
      const { code, stdout, stderr } = await outcome;
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
      expect(stderr).to.match(
        /^--nats needs the program \/nowhere\/nats-server, .*"apt-get install nats-server".*\.\n$/,
      );
      expect(readdirSync(temporary)).to.be.empty;
    }),
  );

  if (natsUnavailable !== undefined) {
    skippedTest('runs', natsUnavailable);
    return;
  }

  it(
    'adds a run over a NATS server of its own, loses nothing, and leaves nothing behind',
    scoped(async (scope) => {
      const { outcome, temporary } = start(scope);
      const { code, stdout, stderr } = await outcome;
      expect(code, stderr).to.equal(0);
      const { runs } = JSON.parse(stdout) as {
        runs: { transport: string; lost: number; sha256Match: boolean; selection: { endpoint: string } }[];
      };
      expect(runs).to.have.length(4);
      expect(runs[3]).to.include({ transport: 'nats', lost: 0, sha256Match: true });
      expect(runs[3]?.selection.endpoint).to.match(/^nats:\/\/127\.0\.0\.1:\d+\/canvas$/);
      expect(readdirSync(temporary)).to.be.empty;
    }),
  );

  // The test inspects the end of the other processes only if the system lists the children of a process in a file.
  if (process.platform !== 'linux') return;

  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    it(
      `takes its NATS server along after ${signal}`,
      scoped(async (scope) => {
        const { program, outcome } = start(scope);
        const server = await natsServerBelow(program.pid ?? 0);
        program.kill(signal);
        await outcome;
        await until(() => commandOf(server) === '', 'the NATS server has ended');
      }),
    );
  }
});

/** The NATS server that one of a process's children started. */
async function natsServerBelow(id: number): Promise<number> {
  let found: number | undefined;
  await until(() => {
    found = childrenOf(id)
      .flatMap((child) => childrenOf(child))
      .find((each) => commandOf(each).includes('nats-server'));
    return found !== undefined;
  }, 'the NATS server runs');
  return found ?? 0;
}

function childrenOf(id: number): number[] {
  return read(`/proc/${id}/task/${id}/children`).trim().split(' ').map(Number);
}

function commandOf(id: number): string {
  return read(`/proc/${id}/cmdline`);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
