import { Recorder, Scope, scopedBy, skippedTest } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkConnection, unwrap } from '@entropynet/core';
import { NatsConnection, NatsConnectionServer } from '@entropynet/transport-nats';
import { freshName } from '../fresh-name.js';
import { NatsServer, natsUnavailable } from './nats-server.js';

/** Describes tests that need a NATS server. If none is installed, one pending test gives the reason. */
export function describeNats(title: string, describeAll: () => void): void {
  describe(title, function () {
    this.timeout(60_000);
    if (natsUnavailable === undefined) describeAll();
    else skippedTest('works', natsUnavailable);
  });
}

/** The resources of a test over NATS, which its end releases. */
export class NatsScope extends Scope {
  /** Starts a NATS server. */
  async natsServer(configuration = ''): Promise<NatsServer> {
    const server = await NatsServer.start(configuration);
    this.defer(() => server.stop());
    return server;
  }

  /** A server that listens on a fresh service, and the configuration of its clients. */
  async serve(
    { host }: NatsServer,
    changes: Partial<ConnectionConfig> = {},
  ): Promise<{ server: NatsConnectionServer; config: ConnectionConfig }> {
    const config: ConnectionConfig = { endpoint: `nats://${host}/${freshName()}`, ...changes };
    const server = this.add(new NatsConnectionServer(config));
    unwrap(await server.listen());
    return { server, config };
  }

  client(config: ConnectionConfig): NatsConnection {
    return this.add(new NatsConnection(config));
  }

  /** Both ends of one connection, in this thread, with the recorded events of each. */
  async pair(nats: NatsServer, changes: Partial<ConnectionConfig> = {}): Promise<NatsPair> {
    const { server, config } = await this.serve(nats, changes);
    const client = this.client(config);
    const clientSide = new Recorder(client).receive();
    const accepting = server.accept();
    unwrap(await client.connect());
    const accepted = this.add(unwrap(await accepting));
    const serverSide = new Recorder(accepted).receive();
    accepted.startReceiving();
    return { server, config, client, accepted, clientSide, serverSide };
  }
}

/** Both ends of one connection. */
export interface NatsPair {
  readonly server: NatsConnectionServer;
  readonly config: ConnectionConfig;
  readonly client: NatsConnection;
  readonly accepted: NetworkConnection;
  readonly clientSide: Recorder;
  readonly serverSide: Recorder;
}

/** The body of a test with a separate scope. */
export function natsTest(body: (scope: NatsScope) => Promise<void>): () => Promise<void> {
  return scopedBy(() => new NatsScope(), body);
}
