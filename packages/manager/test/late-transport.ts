import { type ConnectionServer, err, type NetworkErrorCode } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';

/** A transport whose servers can't listen on endpoints with 'late' until `fault` is undefined. */
export class LateTransport extends LoopbackTransport {
  /** The calls of `listen()` on such endpoints. */
  attempts = 0;
  /** All servers, in the order of their creation. */
  readonly servers: ConnectionServer[] = [];

  constructor(public fault?: NetworkErrorCode) {
    super();
  }

  override createServer(config: Parameters<LoopbackTransport['createServer']>[0]): ConnectionServer {
    const server = super.createServer(config);
    this.servers.push(server);
    if (!config.endpoint.includes('late')) return server;
    const listen = server.listen.bind(server);
    server.listen = () => {
      this.attempts += 1;
      return this.fault === undefined ? listen() : Promise.resolve(err(this.fault, 'nothing is there yet'));
    };
    return server;
  }
}
