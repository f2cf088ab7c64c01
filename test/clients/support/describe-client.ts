import { type Result, unwrap } from '@entropynet/core';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { connectDuplex, type ConnectionDuplex } from '@entropynet/streams';
import { SharedMemoryTransport, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { freshName } from '../../integration/manager-support.js';
import { until } from '@entropynet/conformance/tools';
import { ServerProcess } from './server-process.js';
import type { ServiceName } from './services.js';

/** On a busy machine, a server process starts in a second or two. */
const LIMIT_MS = 60_000;

const probe = await new SharedMemoryTransport().probe({ endpoint: freshName() });
const hasAddon = probe.available || !probe.reason.includes('addon');

const ENDPOINTS: Readonly<Record<string, () => string>> = {
  websocket: () => 'ws://127.0.0.1:0/clients',
  ...(hasAddon && { 'shared-memory': () => `shm://${freshName()}` }),
};

/** A server in another process, and the connections of this process to it. */
export class Site {
  readonly #service: ServiceName;
  readonly #argument: () => string;
  readonly #freshEndpoint: () => string;
  #networking: Networking | undefined;
  #server: ServerProcess | undefined;

  constructor(service: ServiceName, argument: () => string, freshEndpoint: () => string) {
    this.#service = service;
    this.#argument = argument;
    this.#freshEndpoint = freshEndpoint;
  }

  /** The server's process. */
  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error('the server has not been started');
    return this.#server;
  }

  /** A separate connection for each client, not connected yet. */
  readonly open = (): Result<ConnectionHandle> => this.#manager.openConnection({ endpoint: this.server.address });

  /** A stream that connects automatically and owns its connection. */
  readonly connect = (): ConnectionDuplex => connectDuplex(unwrap(this.open()), { ownsConnection: true });

  async start(): Promise<void> {
    this.#networking = await createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] });
    this.#server = await ServerProcess.start(this.#service, this.#freshEndpoint(), this.#argument());
  }

  /** Starts the server again after its death, at the same endpoint. */
  async startAgain(argument = this.#argument()): Promise<void> {
    await this.server.kill();
    this.#server = await ServerProcess.start(this.#service, this.server.address, argument);
  }

  /** Waits until the clients of a test have released every connection. */
  async settle(): Promise<void> {
    await until(
      () => this.#manager.activeCount() === 0,
      () => `no connection is left; there are ${this.#manager.activeCount()}`,
    );
  }

  async stop(): Promise<void> {
    await this.#networking?.close();
    await this.#server?.kill();
  }

  get #manager(): Networking['manager'] {
    if (this.#networking === undefined) throw new Error('the site has not been started');
    return this.#networking.manager;
  }
}

/** Describes a client over each transport; the server runs in another process, and every test has to give its connections back. */
export function describeClient(
  title: string,
  service: ServiceName,
  body: (site: Site) => void,
  argument: () => string = () => '',
): void {
  for (const [backend, freshEndpoint] of Object.entries(ENDPOINTS)) {
    describe(`${title}, unchanged, over ${backend}`, function () {
      this.timeout(LIMIT_MS);

      const site = new Site(service, argument, freshEndpoint);

      before(() => site.start());
      body(site);
      // After the hooks of the body, which end the clients.
      afterEach(() => site.settle());
      after(() => site.stop());
    });
  }
}
