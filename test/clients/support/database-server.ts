import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@entropynet/conformance/tools';
import { findProgram } from '../../support/find-program.js';

/** The folder of the programs of PostgreSQL on Debian. It has a folder for each version. */
const POSTGRESQL_FOLDER = '/usr/lib/postgresql';

/** A user and a group by number. */
interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The way to start a server. */
interface Start {
  /** The folder that the server owns and may write to. */
  readonly folder: string;
  readonly user: User | undefined;
}

/** A kind of database server that a test can start. */
export interface DatabaseKind {
  readonly name: string;
  /** The package that contains it, for apt-get. */
  readonly packageName: string;
  /** The path of its program; undefined if it is not installed. */
  readonly program: string | undefined;
  /** Prepares the folder; returns the arguments of the program and the socket that it will listen on. */
  prepare(program: string, start: Start): { readonly parameters: readonly string[]; readonly socket: string };
  /** The signal that ends it at once and in order. */
  readonly endSignal: NodeJS.Signals;
}

/** Redis, which keeps nothing on disk. */
export const redisServer: DatabaseKind = {
  name: 'redis-server',
  packageName: 'redis-server',
  program: findProgram('redis-server', postgresqlFolders()),
  endSignal: 'SIGTERM',
  prepare: (_program, { folder }) => {
    const socket = join(folder, 'redis.sock');
    return { socket, parameters: ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder] };
  },
};

/** PostgreSQL with a separate database cluster, which trusts everybody. */
export const postgresql: DatabaseKind = {
  name: 'PostgreSQL',
  packageName: 'postgresql',
  program: findProgram('postgres', postgresqlFolders()),
  endSignal: 'SIGINT',
  prepare: (program, { folder, user }) => {
    const data = join(folder, 'data');
    const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    execFileSync(join(program, '..', 'initdb'), init, { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off'];
    return {
      socket: join(folder, '.s.PGSQL.5432'),
      parameters: ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    };
  },
};

/** A database server that a test started, on a socket in a fresh folder. */
export class DatabaseServer {
  /** The path of its Unix socket. */
  readonly socket: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #endSignal: NodeJS.Signals;
  readonly #onExit: () => void;

  private constructor(child: ChildProcess, folder: string, socket: string, endSignal: NodeJS.Signals) {
    this.socket = socket;
    this.#child = child;
    this.#folder = folder;
    this.#endSignal = endSignal;
    // An interrupted test run leaves no server behind.
    this.#onExit = () => child.kill(endSignal);
    process.on('exit', this.#onExit);
  }

  /** Starts a server; resolves when it takes connections. */
  static async start(kind: DatabaseKind): Promise<DatabaseServer> {
    if (kind.program === undefined) throw new Error(`${kind.name} is not installed`);
    const user = unprivilegedUser();
    const folder = mkdtempSync(join(tmpdir(), 'en-db-'));
    if (user !== undefined) chownSync(folder, user.uid, user.gid);
    const { parameters, socket } = kind.prepare(kind.program, { folder, user });
    const child = spawn(kind.program, parameters, { ...user, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
    const server = new DatabaseServer(child, folder, socket, kind.endSignal);
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`${kind.name} ended with ${child.exitCode}: ${output}`);
      return takesConnections(socket);
    }, `${kind.name} takes connections`);
    return server;
  }

  /** Ends the server and removes its folder. */
  async stop(): Promise<void> {
    process.off('exit', this.#onExit);
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill(this.#endSignal);
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function takesConnections(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

function postgresqlFolders(): string[] {
  try {
    const versions = readdirSync(POSTGRESQL_FOLDER).sort((one, other) => Number(other) - Number(one));
    return versions.map((version) => join(POSTGRESQL_FOLDER, version, 'bin'));
  } catch {
    return [];
  }
}

/**
 * PostgreSQL refuses to run as the superuser. Returns the user of its package, or else `nobody`. Undefined for other
 * users.
 */
function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const number = (option: string): number =>
        Number(execFileSync('id', [option, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: number('-u'), gid: number('-g') };
    } catch {
      // This system has no such user.
    }
  }
  return undefined;
}
