import { OK, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import type { ConnectionOptions, NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

/** Opens a NATS connection over TCP. `#nats-client` of the package's `imports` is this module in Node.js. */
export function openNatsConnection(
  options: ConnectionOptions,
  { nats: { tls } }: ResolvedConnectionConfig,
): Promise<NatsConnection> {
  return connect({
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
  });
}

/** Accepts every option: Node.js supports all of them. */
export function checkPlatform(_config: ResolvedConnectionConfig): Result {
  return OK;
}
