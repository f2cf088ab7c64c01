import { isIP } from 'node:net';

/** The address of a peer, in the parts of a socket's address. */
export interface RemoteAddress {
  readonly host: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6' | undefined;
}

/** Parses an address `host:port`; undefined if there is none. */
export function remoteAddressOf(address: string | undefined): RemoteAddress | undefined {
  const [, host = '', port] = /^\[?(.+?)\]?:(\d+)$/.exec(address ?? '') ?? [];
  if (port === undefined) return undefined;
  const version = isIP(host);
  return { host, port: Number(port), family: version === 0 ? undefined : version === 4 ? 'IPv4' : 'IPv6' };
}
