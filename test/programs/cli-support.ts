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

/** The folder of one test file, in which its commands find each other's servers. The end of the tests removes it. */
export class CommandFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'entropynet-cli-'));
  /** The folder of the servers. */
  readonly directory = join(this.path, 'entropynet');
  /** The environment that makes a command use the folder. */
  readonly environment = { XDG_RUNTIME_DIR: this.path };

  /** Call it inside `describe`: during its tests, commands of this process use the folder. */
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

  /** Starts a command as a separate process, which ends with the scope. */
  start(
    scope: Scope,
    line: readonly string[],
    input?: string | Uint8Array,
    wrapper?: readonly string[],
  ): RunningCommand {
    return scope.add(new RunningCommand(line, this.environment, input, wrapper));
  }

  /** Runs a command without input as a separate process. */
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
