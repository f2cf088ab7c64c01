import { until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkError, type Result, TRANSPORT, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, type ConnectionManager, createNetworking, type Networking } from '@entropynet/manager';
import { requestReply, type RequestReply, type RequestReplyOptions } from '@entropynet/messaging';
import { SharedMemoryTransport, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { ContainerModule } from 'inversify';
import { freshName } from './manager-support.js';

const loopbackModule = new ContainerModule(({ bind }) => {
  bind(TRANSPORT).toConstantValue(new LoopbackTransport());
});

const probe = await new SharedMemoryTransport().probe({ endpoint: freshName() });
const hasAddon = probe.available || !probe.reason.includes('addon');

/** Fresh endpoints of every transport that works here. */
const ENDPOINTS: Readonly<Record<string, () => string>> = {
  loopback: () => `loopback://${freshName()}`,
  websocket: () => 'ws://127.0.0.1:0/messaging',
  ...(hasAddon && { 'shared-memory': () => `shm://${freshName()}` }),
};

/** Short waits without chance. */
export const SOON = { initialDelayMs: 5, maxDelayMs: 20, jitter: 0 } as const;

/** 'ok', or the code of the failure. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.error.code;
}

/** The failure; throws where there is none. */
export function failureOf(result: Result<unknown>): NetworkError {
  if (result.ok) throw new Error('it was expected to fail');
  return result.error;
}

/** A server that a test can take connections of, and how clients find it. */
export interface Service {
  readonly config: ConnectionConfig;
  accept(): Promise<ConnectionHandle>;
}

/** What a test of messaging connects with. */
export class Bench {
  readonly #freshEndpoint: () => string;
  #networking: Networking | undefined;

  constructor(freshEndpoint: () => string) {
    this.#freshEndpoint = freshEndpoint;
  }

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

  /** Listens. */
  async serve(config: Partial<ConnectionConfig> = {}): Promise<Service> {
    const server = unwrap(this.manager.createServer({ ...config, endpoint: this.#freshEndpoint() }));
    unwrap(await server.listen());
    return {
      config: { ...config, endpoint: server.addresses()[0]! },
      accept: async () => unwrap(await server.accept()),
    };
  }

  /** A client and the connection that the server accepted. */
  async connect(config: Partial<ConnectionConfig> = {}): Promise<[ConnectionHandle, ConnectionHandle]> {
    const service = await this.serve(config);
    const client = unwrap(this.manager.openConnection(service.config));
    const accepting = service.accept();
    unwrap(await client.connect());
    return [client, await accepting];
  }

  /** Requests on both ends of a connection. */
  async requests(
    config: Partial<ConnectionConfig> = {},
    nearOptions: RequestReplyOptions<unknown, unknown> = {},
    farOptions: RequestReplyOptions<unknown, unknown> = {},
  ): Promise<[RequestReply, RequestReply]> {
    const [client, accepted] = await this.connect(config);
    return [unwrap(await requestReply(client, nearOptions)), unwrap(await requestReply(accepted, farOptions))];
  }
}

/** Describes the same over every transport that works here. */
export function describeOverTransports(what: string, body: (bench: Bench) => void): void {
  for (const [backend, freshEndpoint] of Object.entries(ENDPOINTS)) {
    describe(`${what} over ${backend}`, () => {
      const bench = new Bench(freshEndpoint);
      beforeEach(() => bench.begin());
      afterEach(() => bench.end());
      body(bench);
    });
  }
}

/** The peer of requests, written by hand: what it hears, and what it says of its own accord. */
export class RawPeer {
  readonly heard: { readonly type: number; readonly id: Uint8Array; readonly text: string }[] = [];
  readonly #connection: ConnectionHandle;

  private constructor(connection: ConnectionHandle) {
    this.#connection = connection;
  }

  /** Opens the channel and hears what comes. */
  static async on(connection: ConnectionHandle): Promise<RawPeer> {
    const peer = new RawPeer(connection);
    peer.listen();
    unwrap(await connection.openChannel('requests'));
    return peer;
  }

  /** Reads, after `ignore()` too. */
  listen(): void {
    this.#connection.setChannelMessageCallback('requests', (message) => {
      const text = Buffer.from(message.subarray(5)).toString();
      this.heard.push({ type: message[0] ?? 0, id: message.slice(1, 5), text });
    });
  }

  /** Reads no more. */
  ignore(): void {
    this.#connection.setChannelMessageCallback('requests', null);
  }

  /** Sends any bytes, in their turn. */
  async say(...parts: readonly (Uint8Array | readonly number[] | string)[]): Promise<void> {
    const bytes = Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
    );
    unwrap(await this.#connection.sendOnChannel('requests', bytes));
  }

  /** What the `index`th request that it heard has as its number. */
  async requestNumber(index: number): Promise<Uint8Array> {
    await until(() => this.requests.length > index, `request ${index} arrived`);
    return this.requests[index]!.id;
  }

  get requests(): readonly { readonly type: number; readonly id: Uint8Array; readonly text: string }[] {
    return this.heard.filter(({ type }) => type === 1);
  }
}

/** A number of a request as it travels. */
export function numberBytes(id: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(id);
  return bytes;
}
