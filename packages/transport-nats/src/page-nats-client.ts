import { err, NetworkError, OK, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { type ConnectionOptions, type NatsConnection, wsconnect } from '@nats-io/nats-core';

/** The keys of `nats.tls` about which a browser decides. */
const CERTIFICATE_KEYS = ['certificate', 'privateKey', 'certificateAuthority'] as const;

/**
 * Opens a NATS connection over the platform's WebSocket, to the `websocket` listener of a NATS server. For runtimes
 * without TCP, such as pages. With `nats.tls` it uses TLS.
 */
export async function openNatsConnection(
  options: ConnectionOptions,
  { nats }: ResolvedConnectionConfig,
): Promise<NatsConnection> {
  const scheme = nats.tls === undefined ? 'ws' : 'wss';
  const servers = [options.servers ?? []].flat().map((server) => `${scheme}://${server}`);
  try {
    return await wsconnect({ ...options, servers });
  } catch (error) {
    // A browser gives a page no other reason.
    if ((error as { readonly name?: unknown }).name !== 'ConnectionError') throw error;
    throw new NetworkError(
      'TransportUnavailable',
      `no WebSocket connection to ${servers.join(', ')}: no NATS server has a 'websocket' listener there, it does not allow this page's origin, or the browser does not trust its certificate; a browser does not say which`,
      error,
    );
  }
}

/** Refuses the keys of `nats.tls` that a page can't set: the browser checks certificates by itself. */
export function checkPlatform({ nats: { tls } }: ResolvedConnectionConfig): Result {
  if (tls === undefined) return OK;
  const certificate = CERTIFICATE_KEYS.find((key) => tls[key] !== undefined);
  const check = tls.rejectUnauthorized ? undefined : 'rejectUnauthorized';
  const key = certificate ?? check ?? (tls.handshakeFirst ? 'handshakeFirst' : undefined);
  if (key === undefined) return OK;
  return err('InvalidParameter', `'nats.tls.${key}' was given: in a page the browser decides about TLS; leave it out`);
}
