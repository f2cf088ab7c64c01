import { redactEndpoint } from '@entropynet/core';
import type { Attributes } from '@opentelemetry/api';
import { Attribute } from './names.js';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'ws:': 80, 'wss:': 443, 'nats:': 4222 };
const DEFAULT_HOSTS: Readonly<Record<string, string>> = { 'nats:': '127.0.0.1' };

/**
 * Returns the server of an endpoint: host and port of an address, or the name of a server on this machine. Never
 * throws, because a subscriber of a diagnostics channel calls it.
 */
export function serverAttributes(endpoint: string): Attributes {
  const shown = redactEndpoint(endpoint);
  if (!shown.includes('://')) return { [Attribute.ServerAddress]: shown };
  if (!URL.canParse(shown)) return {};
  const { protocol, hostname, port, pathname } = new URL(shown);
  const defaultPort = DEFAULT_PORTS[protocol];
  // The host of `shm://name` and of other schemes is the name itself.
  const name = hostname === '' ? (DEFAULT_HOSTS[protocol] ?? pathname.replace(/^\/+/, '')) : hostname;
  const address = name.replace(/^\[(.*)\]$/, '$1');
  return {
    [Attribute.ServerAddress]: address,
    ...((port !== '' || defaultPort !== undefined) && { [Attribute.ServerPort]: Number(port) || defaultPort }),
  };
}
