import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@entropynet/conformance/tools';
import { findProgram } from '../find-program.js';

const PROGRAM = 'nats-server';

/** The path of the NATS server's program; undefined if it is not installed. */
export const natsProgram = findProgram(PROGRAM, ['/usr/sbin']);

/** The command that lets a program end together with the process that starts it; undefined if the system has none. */
export const leash: readonly string[] | undefined = leashOf(findProgram('setpriv', ['/usr/bin']));

function leashOf(setpriv: string | undefined): readonly string[] | undefined {
  return setpriv === undefined || process.platform !== 'linux' ? undefined : [setpriv, '--pdeathsig', 'KILL', '--'];
}

/** The reason why tests over NATS can't run here; undefined if they can. */
export const natsUnavailable: string | undefined =
  natsProgram === undefined
    ? `${PROGRAM} is not installed; apt-get install --no-install-recommends ${PROGRAM} brings it`
    : undefined;

/** A NATS server that a test started, on a free port of this machine. */
export class NatsServer {
  /** The address for clients. */
  readonly port: number;
  readonly #folder: string;
  readonly #file: string;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    this.#file = join(folder, 'nats.conf');
    // An interrupted test run leaves no server behind.
    process.on('exit', this.#kill);
  }

  /** Starts a server with further lines of configuration; resolves when it takes connections. */
  static async start(configuration = ''): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), mkdtempSync(join(tmpdir(), 'en-nats-')));
    await server.restart(configuration);
    return server;
  }

  /** `host:port`. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The id of its process, for signals and namespaces. */
  get processId(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it again after `kill()`, on the same port. */
  async restart(configuration = ''): Promise<void> {
    this.#configure(configuration);
    if (natsProgram === undefined) throw new Error(natsUnavailable);
    const [keeper, ...behind] = leash ?? [];
    const options = ['-c', this.#file];
    const child = spawn(keeper ?? natsProgram, keeper === undefined ? options : [...behind, natsProgram, ...options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    this.#output = '';
    child.stderr.on('data', (text: Buffer) => (this.#output += text.toString()));
    await until(() => {
      if (child.exitCode !== null) throw new Error(`${PROGRAM} ended with ${child.exitCode}: ${this.#output}`);
      return this.#output.includes('Server is ready');
    }, `${PROGRAM} is ready`);
  }

  /** Changes its configuration while it runs; resolves when it has read that. */
  async reload(configuration: string): Promise<void> {
    this.#configure(configuration);
    const before = this.#output.length;
    this.signal('SIGHUP');
    await until(() => /Reloaded server configuration|Failed to reload/.test(this.#output.slice(before)), 'it reloaded');
    if (this.#output.slice(before).includes('Failed to reload')) throw new Error(this.#output);
  }

  /** Its log so far. */
  get output(): string {
    return this.#output;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Ends it like a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  readonly #kill = (): void => {
    this.#child?.kill('SIGKILL');
  };

  #configure(configuration: string): void {
    writeFileSync(this.#file, `listen: "127.0.0.1:${this.port}"\n${configuration}\n`);
  }
}

/** Returns a port without a listener. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
