import { OK, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import type { ConnectionOptions, NatsConnection } from '@nats-io/nats-core';
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/transport-node';
import { nodeResolveHost, NodeTransport } from '@nats-io/transport-node/lib/node_transport.js';

/** `close()` of `@nats-io` leaves the socket of an attempt open that ends before the NATS server has said anything. */
class ClosingTransport extends NodeTransport {
  override close(error?: Error): Promise<void> {
    if (!this.connected) this.discard();
    return super.close(error);
  }
}

/** Opens a NATS connection over TCP. `#nats-client` of the package's `imports` is this module in Node.js. */
export function openNatsConnection(
  options: ConnectionOptions,
  { nats: { tls } }: ResolvedConnectionConfig,
): Promise<NatsConnection> {
  // As in connect() of `@nats-io/transport-node`, which always uses its own class.
  setTransportFactory({ factory: () => new ClosingTransport(), dnsResolveFn: nodeResolveHost });
  // The transport takes these options for TLS, although the type of connect() does not have them all.
  const all = {
    ...options,
    ...(tls !== undefined && {
      tls: {
        rejectUnauthorized: tls.rejectUnauthorized,
        ...(tls.handshakeFirst && { handshakeFirst: true }),
        ...(tls.certificate !== undefined && { cert: tls.certificate }),
        ...(tls.privateKey !== undefined && { key: tls.privateKey }),
        ...(tls.certificateAuthority !== undefined && { ca: tls.certificateAuthority }),
      },
    }),
  };
  return NatsConnectionImpl.connect(all);
}

/** Accepts every option: Node.js supports all of them. */
export function checkPlatform(_config: ResolvedConnectionConfig): Result {
  return OK;
}
