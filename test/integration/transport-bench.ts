import { type ConnectionConfig, TRANSPORT, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import {
  type ConnectionHandle,
  type ConnectionManager,
  createNetworking,
  type ManagedServer,
  type Networking,
} from '@entropynet/manager';
import { SharedMemoryTransport, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { ContainerModule } from 'inversify';
import { freshName } from './manager-support.js';

/** The module of the loopback transport. */
export const loopbackModule = new ContainerModule(({ bind }) => {
  bind(TRANSPORT).toConstantValue(new LoopbackTransport());
});

const probe = await new SharedMemoryTransport().probe({ endpoint: freshName() });
const hasAddon = probe.available || !probe.reason.includes('addon');

/** Functions that return fresh endpoints, for every transport that works here. */
const ENDPOINTS: Readonly<Record<string, () => string>> = {
  loopback: () => `loopback://${freshName()}`,
  websocket: () => 'ws://127.0.0.1:0/bench',
  ...(hasAddon && { 'shared-memory': () => `shm://${freshName()}` }),
};

/** A server that accepts connections for a test, and the configuration of its clients. */
export interface Service {
  readonly server: ManagedServer;
  readonly config: ConnectionConfig;
  accept(): Promise<ConnectionHandle>;
}

/** The connections of a test over one transport, with a separate manager. */
export class Bench {
  #networking: Networking | undefined;

  /**
   * @param backend the name of the transport
   * @param freshEndpoint returns an endpoint at which no server listens
   */
  constructor(
    readonly backend: string,
    readonly freshEndpoint: () => string,
  ) {}

  get manager(): ConnectionManager {
    if (this.#networking === undefined) throw new Error('the test has not begun');
    return this.#networking.manager;
  }

  async begin(): Promise<void> {
    const transports = [loopbackModule, sharedMemoryTransportModule, webSocketTransportModule];
    this.#networking = await createNetworking({ transports, log: () => undefined });
  }

  async end(): Promise<void> {
    await this.#networking?.close();
    this.#networking = undefined;
  }

  /** Listens, at a fresh endpoint unless the configuration names one. */
  async serve(config: Partial<ConnectionConfig> = {}): Promise<Service> {
    const server = unwrap(this.manager.createServer({ endpoint: this.freshEndpoint(), ...config }));
    unwrap(await server.listen());
    return {
      server,
      config: { ...config, endpoint: server.addresses()[0]! },
      accept: async () => unwrap(await server.accept()),
    };
  }

  /** Returns a client that is not connected yet. */
  open(config: ConnectionConfig): ConnectionHandle {
    return unwrap(this.manager.openConnection(config));
  }

  /** A client and the connection that the server accepted. */
  async connect(config: Partial<ConnectionConfig> = {}): Promise<[ConnectionHandle, ConnectionHandle]> {
    const service = await this.serve(config);
    const client = this.open(service.config);
    const accepting = service.accept();
    unwrap(await client.connect());
    return [client, await accepting];
  }
}

/** Describes something over one transport. Each test has a separate manager. */
export function describeOver(backend: string, title: string, body: (bench: Bench) => void): void {
  describe(title, () => {
    const bench = new Bench(backend, ENDPOINTS[backend]!);
    beforeEach(() => bench.begin());
    afterEach(() => bench.end());
    body(bench);
  });
}

/** Describes the same over every transport that works here. */
export function describeOverTransports(what: string, body: (bench: Bench) => void): void {
  for (const backend of Object.keys(ENDPOINTS)) describeOver(backend, `${what} over ${backend}`, body);
}
