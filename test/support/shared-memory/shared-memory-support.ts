import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skippedTest } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkConnection, resolveConnectionConfig, unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { type Assignment, requestRegion } from '@entropynet/transport-shm/internal/discovery/handshake-client';
import { loadNativeBinding, type NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { sideLayout } from '@entropynet/transport-shm/internal/region/layout';
import { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import { leaveOut } from '../leave-out.js';
import { namesIn } from './names-in.js';

export { OWN_LIBRARY } from '@entropynet/transport-shm/internal/region/control-block';

/**
 * The class of the regions of a `Scene`. wine does not resolve the links of the workspace, so a test that imports the
 * class by itself may get it from another path, as another class.
 */
export { SharedMemoryRegion } from '@entropynet/transport-shm/internal/region/shared-memory-region';

/** The addon; undefined if it can't be loaded. Tests that need it are then left out. */
export function nativeBinding(): NativeBinding | undefined {
  const binding = loadNativeBinding();
  return binding.ok ? binding.value : undefined;
}

/** A test that needs the addon. If the addon can't be loaded, the test is pending, with the reason in its title. */
export function itWithAddon(title: string, body: (this: Mocha.Context) => void | Promise<void>): void {
  if (nativeBinding() === undefined) skippedTest(title, 'the addon is not built');
  else it(title, body);
}

/** A separate discovery directory of a test, and its resources. `close()` releases everything. */
export class Scene {
  readonly directory = mkdtempSync(join(tmpdir(), 'entropynet-test-'));
  readonly config: ConnectionConfig & { sharedMemory: { directory: string } };
  readonly #closers: (() => unknown)[] = [];

  constructor(overrides: Partial<ConnectionConfig> = {}) {
    const { sharedMemory, ...rest } = overrides;
    this.config = {
      endpoint: 'scene',
      connectTimeoutMs: 5000,
      ...rest,
      sharedMemory: { regionSize: 65_536, ...sharedMemory, directory: this.directory },
    };
  }

  /** A server that listens. */
  async server(overrides: Partial<ConnectionConfig> = {}): Promise<SharedMemoryServer> {
    const server = new SharedMemoryServer({ ...this.config, ...overrides });
    this.onClose(() => server.close());
    unwrap(await server.listen());
    return server;
  }

  /** A client of this scene's copy of the package; it is not connected yet. */
  client(overrides: Partial<ConnectionConfig> = {}): SharedMemoryConnection {
    const client = new SharedMemoryConnection(this.config.endpoint, { ...this.config, ...overrides });
    this.onClose(() => client.disconnect());
    return client;
  }

  /** A connected client and the connection that the server accepted for it, which does not receive yet. */
  async pair(server: SharedMemoryServer): Promise<{ client: SharedMemoryConnection; accepted: NetworkConnection }> {
    const client = this.client();
    unwrap(await client.connect());
    const accepted = unwrap(await server.accept());
    this.onClose(() => accepted.disconnect());
    return { client, accepted };
  }

  /** The client's side of a handshake without a connection: the resources of a hostile client. */
  async rawClient(): Promise<Assignment> {
    const config = unwrap(resolveConnectionConfig(this.config));
    const assigned = unwrap(await requestRegion(config, new AbortController().signal));
    this.onClose(() => {
      assigned.socket.close();
      assigned.region.unmap();
    });
    return assigned;
  }

  /** A process that runs `shared-memory-peer.js` with `task`. */
  fork(task: string): ChildProcess {
    const program = fileURLToPath(new URL('./shared-memory-peer.js', import.meta.url));
    // The output of a process that dies on purpose does not matter.
    const stdio = ['ignore', 'ignore', task === 'throw' ? 'ignore' : 'inherit', 'ipc'] as const;
    const child = fork(program, [task, JSON.stringify(this.config)], { stdio: [...stdio] });
    this.onClose(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    return child;
  }

  onClose(closer: () => unknown): void {
    this.#closers.push(closer);
  }

  /** The names in the discovery directory. */
  names(): string[] {
    return namesIn(this.directory);
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.reverse()) await closer();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Describes a suite in which each test has a separate scene. It is pending if the addon can't be loaded. */
export function describeWithScene(title: string, body: (scene: () => Scene) => void): void {
  describe(title, () => {
    let scene: Scene;

    before(function () {
      if (nativeBinding() === undefined) leaveOut(this, 'the addon is not built');
    });

    beforeEach(() => {
      scene = new Scene();
    });

    afterEach(() => scene.close());

    body(() => scene);
  });
}

/** Returns an accepted connection with its own type. */
export function asSharedMemory(connection: NetworkConnection): SharedMemoryConnection {
  if (connection instanceof SharedMemoryConnection) return connection;
  throw new TypeError(`a ${connection.className()} was accepted`);
}

/** Resolves with the state's error once the connection is in that state. */
export function reached(connection: NetworkConnection, state: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    connection.on('state', (next, error) => {
      if (next === state) resolve(error);
    });
    if (connection.getState() === state) resolve(undefined);
  });
}

/** The writer of a client, over a region of the test. */
export function clientWriter(
  region: { readonly words: Int32Array; readonly bytes: Uint8Array; readonly ringCapacity: number },
  onWake: () => void = () => undefined,
): RingWriter {
  const own = sideLayout('client', region.ringCapacity);
  const peer = sideLayout('server', region.ringCapacity);
  return new RingWriter(
    {
      words: region.words,
      bytes: region.bytes,
      start: own.ringStart,
      capacity: region.ringCapacity,
      tail: own.tail,
      head: peer.head,
      consumerSleep: peer.sleep,
      producerWaits: own.waitsForRoom,
    },
    { onWake, onCorrupted: () => undefined },
  );
}
