import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unwrap, type NetworkConnection } from '@entropynet/core';
import { until } from '@entropynet/conformance/tools';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { freshName } from '../../support/fresh-name.js';
import { buildNative, missingForNative, type NativeBuild } from './native-library.js';
import { leaveOut } from '../../support/leave-out.js';

/** The exit code and the output of a program. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** A program in C that runs. */
export interface NativeProgram {
  readonly process: ChildProcess;
  readonly lines: readonly string[];
  readonly ended: Promise<Ending>;
}

/** The C side and the Node.js side of a test. */
export class NativeSite {
  readonly endpoint = freshName();
  readonly directory: string;
  private readonly programs: NativeProgram[] = [];
  private readonly closing: (() => Promise<unknown>)[] = [];

  constructor(private readonly build: NativeBuild) {
    this.directory = join(build.folder, this.endpoint.slice(0, 12));
    mkdirSync(this.directory, { mode: 0o700 });
  }

  /** Starts `peer connect` or `peer serve` and waits until a server listens. */
  async start(role: 'connect' | 'serve', mode: string, ...words: string[]): Promise<NativeProgram> {
    const child = spawn(this.build.program('peer'), [role, this.directory, this.endpoint, mode, ...words]);
    let said = '';
    let errors = '';
    const lines: string[] = [];
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      lines.splice(0, lines.length, ...said.split('\n').filter((line) => line !== ''));
    });
    child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
    const ended = new Promise<Ending>((resolve) => {
      child.once('close', (code, signal) => {
        resolve({ code, signal, lines, errors });
      });
    });
    const program: NativeProgram = { process: child, lines, ended };
    this.programs.push(program);
    if (role === 'serve') await until(() => lines.length > 0 || child.exitCode !== null, 'the server listens');
    return program;
  }

  /** A server in Node.js. */
  async serve(options: object = {}): Promise<SharedMemoryServer> {
    const server = new SharedMemoryServer({ ...this.config(options), endpoint: this.endpoint });
    this.closing.push(() => server.close());
    unwrap(await server.listen());
    return server;
  }

  /** A client in Node.js, not connected yet. */
  client(options: object = {}): SharedMemoryConnection {
    const connection = new SharedMemoryConnection({ ...this.config(options), endpoint: this.endpoint });
    this.closing.push(() => connection.disconnect());
    return connection;
  }

  /** A connection with a program in C, which has the role and echoes. */
  async echo(role: 'connect' | 'serve', mode = 'echo', options: object = {}, ...words: string[]): Promise<EchoPair> {
    if (role === 'serve') {
      const program = await this.start(role, mode, ...words);
      const connection = this.client(options);
      unwrap(await connection.connect());
      return { program, connection };
    }
    const server = await this.serve(options);
    const program = await this.start(role, mode, ...words);
    const connection = unwrap(await server.accept());
    this.closing.push(() => connection.disconnect());
    return { program, connection };
  }

  async dispose(): Promise<void> {
    for (const { process: child } of this.programs) child.kill('SIGKILL');
    for (const close of this.closing.reverse()) await close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private config(options: object): object {
    const { sharedMemory, ...others } = options as { sharedMemory?: object };
    return { ...others, sharedMemory: { ...sharedMemory, directory: this.directory } };
  }
}

/** A connection and the program at its other end. */
export interface EchoPair {
  readonly program: NativeProgram;
  readonly connection: NetworkConnection;
}

/** Describes tests that need the C library. If it can't be built, they are pending, and one line gives the reason. */
export function describeNative(title: string, body: (site: () => NativeSite, build: () => NativeBuild) => void): void {
  describe(title, function () {
    this.timeout(60_000);

    let build: NativeBuild | undefined;
    let site: NativeSite | undefined;

    before(function () {
      this.timeout(180_000);
      const missing = missingForNative();
      if (missing !== undefined) leaveOut(this, `what needs ${missing}`);
      build = buildNative('address,undefined');
    });

    beforeEach(() => {
      site = new NativeSite(build as NativeBuild);
    });

    afterEach(() => site?.dispose());

    after(() => {
      build?.dispose();
    });

    body(
      () => site as NativeSite,
      () => build as NativeBuild,
    );
  });
}
