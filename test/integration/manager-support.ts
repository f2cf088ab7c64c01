import { randomUUID } from 'node:crypto';
import {
  type ConnectionConfig,
  type ConnectionServer,
  err,
  type FrameLink,
  type NetworkConnection,
  NetworkError,
  type NetworkErrorCode,
  type Result,
  TRANSPORT,
  type Transport,
  type TransportProbe,
  unwrap,
} from '@entropynet/core';
import { LoopbackConnection, LoopbackServer, LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager, type ManagedServer } from '@entropynet/manager';
import { ContainerModule } from 'inversify';

/** The transport of a third party: the loopback transport under another name and scheme. */
export class PigeonTransport implements Transport {
  readonly backend: string = 'carrier-pigeon';
  readonly schemes: readonly string[] = ['pigeon'];
  readonly connectionType = 'remote' as const;
  readonly capabilities = new LoopbackTransport().capabilities;
  /** If set, every probe fails with this reason. */
  unavailable: string | undefined;
  /** If set, every connection fails after a successful probe. */
  breaks = false;
  /** If set, every probe fails with this code. */
  refusal: NetworkErrorCode | undefined;

  probe(): Promise<TransportProbe> {
    if (this.refusal !== undefined) {
      const error = new NetworkError(this.refusal, 'the pigeon refuses');
      return Promise.resolve({ available: false, reason: error.message, error });
    }
    return Promise.resolve(
      this.unavailable === undefined ? { available: true } : { available: false, reason: this.unavailable },
    );
  }

  createConnection(config: ConnectionConfig): NetworkConnection {
    const connection = new PigeonConnection({ ...config, endpoint: loopbackOf(config.endpoint) });
    connection.breaks = this.breaks;
    return connection;
  }

  createServer(config: ConnectionConfig): ConnectionServer {
    return new LoopbackServer({ ...config, endpoint: loopbackOf(config.endpoint) });
  }
}

class PigeonConnection extends LoopbackConnection {
  breaks = false;

  override getBackend(): string {
    return 'carrier-pigeon';
  }

  protected override doConnect(): Promise<Result<FrameLink>> {
    return this.breaks ? Promise.resolve(err('HandshakeFailed', 'the pigeon got lost')) : super.doConnect();
  }
}

export const pigeonTransportModule = new ContainerModule(({ bind }) => {
  bind(TRANSPORT).toConstantValue(new PigeonTransport());
});

/** A manager with the loopback transport and the pigeon, and its log. */
export function makeManager(capacity = 8): { manager: ConnectionManager; pigeon: PigeonTransport; lines: string[] } {
  const pigeon = new PigeonTransport();
  const lines: string[] = [];
  const manager = new ConnectionManager([pigeon, new LoopbackTransport()], {
    capacity,
    log: (line) => lines.push(line),
  });
  return { manager, pigeon, lines };
}

/** A server of the manager that listens. */
export async function listen(manager: ConnectionManager, config: ConnectionConfig): Promise<ManagedServer> {
  const server = unwrap(manager.createServer(config));
  unwrap(await server.listen());
  return server;
}

/** The code of a failure, or `ok`. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.error.code;
}

/** The sentence of a failure. Empty for a success. */
export function messageOf(result: Result<unknown>): string {
  return result.ok ? '' : result.error.message;
}

/** Returns a name that nobody used before. */
export function freshName(): string {
  return `name-${randomUUID()}`;
}

function loopbackOf(endpoint: string): string {
  return endpoint.replace(/^pigeon:/, 'loopback:');
}
