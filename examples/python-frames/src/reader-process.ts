import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const LIBRARY_SOURCES = pathOf('../../../native');
const PACKAGE = pathOf('../../../native/python');
const READER = pathOf('../reader/read_frames.py');
const BUILD = pathOf('../dist/native');

/** Why the reader can't run here, in one sentence; undefined if it can. */
export function missingForReader(): string | undefined {
  if (process.platform !== 'linux') return 'The reader uses the C library of EntropyNet, which runs on Linux.';
  const has = (name: string): boolean => spawnSync(name, ['--version']).status === 0;
  return has('python3') && has('cmake') && ['cc', 'gcc', 'clang'].some(has)
    ? undefined
    : 'The reader needs python3, and its library is built with cmake and a C compiler; install them first, for example by "apt-get install python3 cmake gcc".';
}

/** Builds the C library, which takes a while the first time; returns its path. Throws what the compiler said. */
export function buildLibrary(): string {
  for (const line of [
    ['-S', LIBRARY_SOURCES, '-B', BUILD],
    ['--build', BUILD, '--target', 'entropynet-shared'],
  ]) {
    execFileSync('cmake', line, { stdio: 'pipe' });
  }
  return join(BUILD, 'libentropynet.so.0');
}

/** The program in Python, in a process of its own. */
export class ReaderProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  readonly #said: Promise<string>;

  constructor(library: string, directory: string) {
    const env = { ...process.env, ENTROPYNET_LIBRARY: library, PYTHONPATH: PACKAGE, PYTHONDONTWRITEBYTECODE: '1' };
    const child = spawn('python3', [READER, directory], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    this.#ended = once(child, 'exit');
    this.#said = text(child.stdout);
  }

  /** Rejects if it ends before `result` settles, so that nothing waits for a reader that is gone. */
  during<T>(result: Promise<T>): Promise<T> {
    const gone = this.#ended.then(([code, signal]) => {
      throw new Error(`the reader ended early with ${String(code ?? signal)}`);
    });
    return Promise.race([result, gone]);
  }

  /** Waits for its end; what it computed with. */
  async finished(): Promise<string> {
    const [code] = await this.#ended;
    if (code !== 0) throw new Error(`the reader ended with code ${String(code)}`);
    return (await this.#said).trim();
  }

  /** Ends it at once, if it still runs. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
