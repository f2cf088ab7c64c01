import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '@entropynet/conformance/tools';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { type CommandEnd, RunningCommand } from '../support/command.js';
import { freshName } from '../support/fresh-name.js';

const probe = await new SharedMemoryTransport().probe({ endpoint: freshName() });

/** Whether shared memory works here. */
export const hasAddon = probe.available || !probe.reason.includes('addon');

/** The endpoints at which commands listen, by transport. */
export const ENDPOINTS: Readonly<Record<string, () => string>> = {
  WebSocket: () => 'ws://127.0.0.1:0/cli',
  ...(hasAddon && { 'shared memory': freshName }),
};

/** A folder of one file of tests, in which its commands find each other's servers. It goes when the tests are over. */
export class CommandFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'entropynet-cli-'));
  /** The folder of the servers. */
  readonly directory = join(this.path, 'entropynet');
  /** What makes a command use the folder. */
  readonly environment = { XDG_RUNTIME_DIR: this.path };

  /** Called inside `describe`: commands that run inside this process use the folder while its tests run. */
  useHere(): void {
    const { XDG_RUNTIME_DIR: outside } = process.env;

    before(() => {
      Object.assign(process.env, this.environment);
    });

    after(async () => {
      if (outside === undefined) delete process.env['XDG_RUNTIME_DIR'];
      else process.env['XDG_RUNTIME_DIR'] = outside;
      await rm(this.path, { recursive: true, force: true });
    });
  }

  /** Starts a command as a process of its own, which ends with the scope. */
  start(scope: Scope, line: readonly string[], input?: string | Uint8Array): RunningCommand {
    return scope.add(new RunningCommand(line, this.environment, input));
  }

  /** Runs a command without input as a process of its own. */
  async run(scope: Scope, line: readonly string[]): Promise<CommandEnd> {
    return await this.start(scope, line, '').ended();
  }

  /** Starts a command that listens, and waits for its address. */
  async listening(
    scope: Scope,
    line: readonly string[],
    input?: string,
  ): Promise<{ server: RunningCommand; address: string }> {
    const server = this.start(scope, line, input);
    return { server, address: await server.address() };
  }
}
