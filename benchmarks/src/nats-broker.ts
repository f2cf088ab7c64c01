import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PROGRAM = 'nats-server';
const START_LIMIT_MS = 20_000;

/** The path of the NATS server's program; undefined where it is not installed. Debian puts it into a folder for administrators. */
const program = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  .map((folder) => join(folder, PROGRAM))
  .find(isExecutable);

/** Why nothing over NATS can be measured here, in one sentence; undefined where it can. */
export const natsUnavailable: string | undefined =
  program === undefined
    ? `${PROGRAM} is not installed; apt-get install --no-install-recommends ${PROGRAM} brings it`
    : undefined;

/** How a NATS server is started. */
export interface NatsBrokerOptions {
  /** Where its configuration is written; the caller removes the folder. */
  readonly folder: string;
  /** Its name in a cluster, unique in the folder. */
  readonly name?: string;
  /** The node of the cluster that it joins, or `first`; it is no node of a cluster without it. */
  readonly cluster?: NatsBroker | 'first';
}

/**
 * Its own limits, so that a raw client may send messages of 16 MiB, and is not cut while its subscriber is slower: NATS has no
 * backpressure from the one to the other.
 */
const LIMITS = 'max_payload: 16MB\nmax_pending: 256MB';

/** A NATS server for measurements, on free ports of this machine. It ends with this process, or earlier by `stop()`. */
export class NatsBroker {
  /** Where clients connect: `host:port`. */
  readonly host: string;
  /** The id of its process. */
  readonly processId: number;
  readonly #child: ChildProcess;
  readonly #monitor: string;
  readonly #routes: string;

  private constructor(child: ChildProcess, places: readonly string[]) {
    const [host = '', monitor = '', routes = ''] = places;
    this.#child = child;
    this.host = host;
    this.processId = child.pid ?? 0;
    this.#monitor = monitor;
    this.#routes = routes;
    process.on('exit', this.#kill);
  }

  /** Starts one; resolves when it takes connections. */
  static async start({ folder, name = 'bench', cluster }: NatsBrokerOptions): Promise<NatsBroker> {
    if (program === undefined) throw new Error(natsUnavailable);
    const file = join(folder, `${name}.conf`);
    const routes = cluster === undefined || cluster === 'first' ? '' : `"nats://${cluster.#routes}"`;
    const clustered = `cluster { name: bench, host: 127.0.0.1, port: -1, routes: [${routes}] }`;
    const lines = [`server_name: ${name}`, 'host: 127.0.0.1', 'port: -1', 'http_port: -1', LIMITS];
    writeFileSync(file, [...lines, ...(cluster === undefined ? [] : [clustered]), ''].join('\n'));
    const child = spawn(program, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    const patterns = [/Listening for client connections on (\S+)/, /Starting http monitor on (\S+)/];
    if (cluster !== undefined) patterns.push(/Listening for route connections on (\S+)/);
    try {
      return new NatsBroker(child, await linesOf(child, [...patterns, /Server is ready()/]));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** What its monitoring says, such as `varz`. */
  async monitor(page: string): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`http://${this.#monitor}/${page}`);
    return (await response.json()) as Readonly<Record<string, unknown>>;
  }

  /** Ends it; resolves when its process has ended. */
  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#kill();
    await ended;
  }

  readonly #kill = (): void => {
    this.#child.kill('SIGKILL');
  };
}

/** What each of the patterns finds in the log, once all of them were found. */
function linesOf(child: ChildProcess, patterns: readonly RegExp[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let log = '';
    const timer = setTimeout(() => {
      reject(new Error(`${PROGRAM} was not ready within ${START_LIMIT_MS / 1000} s: ${log}`));
    }, START_LIMIT_MS);
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${PROGRAM} ended with exit code ${String(code)}: ${log}`));
    });
    child.stderr?.on('data', (text: Buffer) => {
      log += text.toString();
      const found = patterns.map((pattern) => pattern.exec(log)?.[1]);
      if (!found.every((each) => each !== undefined)) return;
      clearTimeout(timer);
      // Nothing keeps what it logs from here on.
      child.stderr?.removeAllListeners('data').resume();
      resolve(found);
    });
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
