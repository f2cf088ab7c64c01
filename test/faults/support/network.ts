import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type Scope, until } from '@entropynet/conformance/tools';
import type { Requirement } from './fault-test.js';

const HUB_ADDRESS = '10.77.0.1';

let created = 0;

function freshPrefix(): string {
  created += 1;
  return `en-${process.pid}-${created}`;
}

function ip(...options: readonly string[]): void {
  execFileSync('ip', options, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Network namespaces of this machine, with a bridge. */
export const networks: Requirement = () => {
  const name = freshPrefix();
  const isThere = spawnSync('ip', ['netns', 'add', name]).status === 0;
  const canBridge = isThere && spawnSync('ip', ['-n', name, 'link', 'add', 'br0', 'type', 'bridge']).status === 0;
  if (isThere) ip('netns', 'delete', name);
  return canBridge ? undefined : 'network namespaces and bridges can not be made here';
};

/** A program in one of the networks, and its output. */
export interface Resident {
  readonly lines: readonly string[];
  tell(line: string): void;
}

/** Networks that a bridge joins. Each host has a separate one, like another machine. */
export class Network {
  /** The address of the bridge's own host. */
  readonly address = HUB_ADDRESS;
  readonly #scope: Scope;
  readonly #prefix = freshPrefix();
  readonly #hub = `${this.#prefix}-hub`;

  /** @param hosts how many hosts there are beside the bridge's own; numbered from 0 */
  constructor(scope: Scope, hosts: number) {
    this.#scope = scope;
    this.#addNamespace(this.#hub);
    ip('-n', this.#hub, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', this.#hub, 'addr', 'add', `${HUB_ADDRESS}/24`, 'dev', 'br0');
    for (const device of ['lo', 'br0']) ip('-n', this.#hub, 'link', 'set', device, 'up');
    for (let host = 0; host < hosts; host += 1) {
      const name = this.#nameOf(host);
      const port = `port${host}`;
      this.#addNamespace(name);
      ip('-n', this.#hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      ip('-n', this.#hub, 'link', 'set', port, 'master', 'br0', 'up');
      ip('-n', name, 'addr', 'add', `10.77.0.${host + 2}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
    }
  }

  /** Takes a host off the bridge. Nothing arrives or leaves, and nobody gets an error. */
  cut(host: number): void {
    ip('-n', this.#hub, 'link', 'set', `port${host}`, 'nomaster');
  }

  /** Puts it on the bridge again. */
  heal(host: number): void {
    ip('-n', this.#hub, 'link', 'set', `port${host}`, 'master', 'br0');
  }

  /** Starts a program on a host, or on the host of the bridge. It ends with the test. */
  run(host: number | 'hub', program: string, ...options: readonly string[]): Resident {
    const name = host === 'hub' ? this.#hub : this.#nameOf(host);
    const child: ChildProcess = spawn('ip', ['netns', 'exec', name, program, ...options], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const ended = once(child, 'exit');
    this.#scope.defer(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => (output += text.toString()));
    }
    return {
      get lines() {
        return output.split('\n').slice(0, -1);
      },
      tell: (line) => child.stdin?.write(`${line}\n`),
    };
  }

  #nameOf(host: number): string {
    return `${this.#prefix}-${host}`;
  }

  #addNamespace(name: string): void {
    ip('netns', 'add', name);
    this.#scope.defer(() => {
      ip('netns', 'delete', name);
    });
  }
}

/** Resolves when a program has printed the line that many times. */
export async function said(resident: Resident, line: string, count = 1): Promise<void> {
  await until(
    () => resident.lines.filter((each) => each === line).length >= count,
    () => `'${line}' was said ${count} times in: ${resident.lines.join('; ')}`,
  );
}
