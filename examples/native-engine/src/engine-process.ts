import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SOURCES = fileURLToPath(new URL('../engine', import.meta.url));
const BUILD = fileURLToPath(new URL('../dist/engine', import.meta.url));

/** What the engine says at its end. */
export interface EngineReport {
  readonly frames: number;
  readonly late: number;
  readonly updates: number;
  readonly wrongChanges: number;
}

/** Why the engine can't be built here, in one sentence; undefined if it can. */
export function missingForEngine(): string | undefined {
  if (process.platform !== 'linux') return 'The engine uses the C library of EntropyNet, which runs on Linux.';
  const hasCMake = spawnSync('cmake', ['--version']).status === 0;
  const hasCompiler = ['c++', 'g++', 'clang++'].some((name) => spawnSync(name, ['--version']).status === 0);
  return hasCMake && hasCompiler
    ? undefined
    : 'The engine is built with cmake and a C++ compiler; install both first, for example by "apt-get install cmake g++".';
}

/** Builds the engine, which takes a while the first time; returns its path. Throws what the compiler said. */
export function buildEngine(): string {
  for (const line of [
    ['-S', SOURCES, '-B', BUILD],
    ['--build', BUILD, '--target', 'engine'],
  ]) {
    execFileSync('cmake', line, { stdio: 'pipe' });
  }
  return join(BUILD, 'engine');
}

/** The engine, which runs in a process of its own. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown[]>;

  /** Starts it; `listening` resolves when editors can connect. */
  constructor(program: string, endpoint: string, objects: number, directory: string) {
    const child = spawn(program, [endpoint, String(objects), directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    this.#ended = once(child, 'exit');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async listening(): Promise<void> {
    const line = await this.#lines.next();
    if (line.value !== 'listening') throw new Error('the engine ended before it listened');
  }

  /** Ends it in an orderly way. */
  async stop(): Promise<EngineReport> {
    this.#child.kill('SIGTERM');
    const line = await this.#lines.next();
    await this.#ended;
    const counts = /^(\d+) frames, (\d+) late, (\d+) updates, (\d+) wrong changes$/.exec(String(line.value));
    if (counts === null) throw new Error('the engine ended without its report');
    const [frames = 0, late = 0, updates = 0, wrongChanges = 0] = counts.slice(1).map(Number);
    return { frames, late, updates, wrongChanges };
  }

  /** Ends it at once, if it still runs. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
