import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { until, within } from '@entropynet/conformance/tools';

const BIN = fileURLToPath(new URL('../../../packages/cli/bin/entropynet.js', import.meta.url));

/** A signal that a command handles. */
export type HandledSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Whether a process can handle the signals of `signal()`. Node.js on Windows ends it at once, without an exit code. */
export const HANDLES_SIGNALS = process.platform !== 'win32';

/** Returns the exit code of a command that lived until `signal()`. */
export function codeAfter(signal: HandledSignal): number | null {
  return HANDLES_SIGNALS ? 128 + constants.signals[signal] : null;
}

/** The end of a command line. */
export interface CommandEnd {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** One run of the command `entropynet`, through pipes. */
export class RunningCommand implements AsyncDisposable {
  output: Buffer = Buffer.alloc(0);
  errors = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  /**
   * @param input standard input to its end; undefined leaves it open
   * @param wrapper a program that starts the command, with its first arguments
   */
  constructor(
    line: readonly string[],
    environment: NodeJS.ProcessEnv,
    input?: string | Uint8Array,
    wrapper: readonly string[] = [],
  ) {
    const [program = '', ...all] = [...wrapper, process.execPath, BIN, ...line];
    const child = spawn(program, all, { env: { ...process.env, ...environment } });
    this.#child = child;
    child.stdout.on('data', (data: Buffer) => (this.output = Buffer.concat([this.output, data])));
    child.stderr.on('data', (data: Buffer) => (this.errors += data.toString()));
    // A command may end before it has read everything. The test judges its end.
    child.stdin.on('error', () => undefined);
    if (input !== undefined) child.stdin.end(input);
    this.#ended = new Promise((resolve) => {
      child.once('close', resolve);
    });
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Closes the reader's end of its standard output or standard error, as `head` does when it has read enough. */
  stopReading(what: 'output' | 'errors'): void {
    (what === 'output' ? this.#child.stdout : this.#child.stderr)?.destroy();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves when it has written that to standard error. */
  async said(text: string): Promise<void> {
    await until(
      () => this.errors.includes(text),
      () => `'${text}' was said; so far: ${this.errors}`,
    );
  }

  /** Resolves with its address, as soon as it has printed that. */
  async address(): Promise<string> {
    await this.said('\n');
    const address = /listening on (\S+)/.exec(this.errors)?.[1];
    if (address === undefined) throw new Error(`no address in: ${this.errors}`);
    return address;
  }

  /** Resolves when it has written that to standard output. */
  async printed(text: string): Promise<void> {
    await until(
      () => this.output.includes(text),
      () => `'${text}' was printed; so far: ${this.output.toString()}`,
    );
  }

  async ended(): Promise<CommandEnd> {
    const code = await within(this.#ended, 'the command ended');
    return { code, output: this.output.toString(), errors: this.errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
