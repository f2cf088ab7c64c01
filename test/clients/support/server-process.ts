import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from '@entropynet/conformance/tools';
import type { ServiceName } from './services.js';

const PROGRAM = fileURLToPath(new URL('./serve-program.js', import.meta.url));

/** A service in another process. */
export class ServerProcess {
  /** The address at which it listens. */
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #messages: unknown[];

  private constructor(child: ChildProcess, address: string, messages: unknown[]) {
    this.#child = child;
    this.address = address;
    this.#messages = messages;
  }

  /** Starts a service; resolves when it listens. */
  static async start(service: ServiceName, endpoint: string, argument = ''): Promise<ServerProcess> {
    const child = fork(PROGRAM, [service, endpoint, argument]);
    const messages: unknown[] = [];
    child.on('message', (message) => messages.push(message));
    await until(() => {
      if (child.exitCode !== null) throw new Error(`the server of ${service} ended with ${child.exitCode}`);
      return messages.length > 0;
    }, `the server of ${service} listens`);
    return new ServerProcess(child, String(messages.shift()), messages);
  }

  /** Waits for the next report of the server and returns it. */
  async told(what: string): Promise<unknown> {
    await until(() => this.#messages.length > 0, `the server told: ${what}`);
    return this.#messages.shift();
  }

  /** Ends the process like a crash. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
