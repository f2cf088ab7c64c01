import type { Server as HttpServer } from 'node:http';
import { err, ok, type NetworkError, type Result } from '@entropynet/core';
import { addressesToBind } from './loopback.js';
import { formatHostPort, type WebSocketAddress } from '../protocol/web-socket-address.js';
import { codeOf, listenErrorOf } from '../protocol/web-socket-errors.js';

/** What binding an address gives where this machine has no such address: no other program can have it either. */
const NO_SUCH_ADDRESS = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** How often another port is tried where one that the system chose is taken at a further address. */
const MAX_PORTS = 16;

/**
 * Listens with one HTTP server at each address that the host of an endpoint stands for, all at the same port; the first
 * address is the one that is shown. Leaves nothing behind where it fails.
 * @param create makes one of the servers; it throws what Node.js throws
 */
export async function listenAtEveryAddress(
  address: WebSocketAddress,
  create: () => HttpServer,
): Promise<Result<HttpServer[]>> {
  const hosts = await addressesToBind(address.host);
  for (let attempt = 1; ; attempt += 1) {
    const bound = await bindAll(hosts, address.port, create);
    if (bound.ok) return bound;
    const isAnotherPortPossible = address.port === 0 && bound.error.code === 'AddressInUse';
    if (!isAnotherPortPossible || attempt === MAX_PORTS) return bound;
  }
}

async function bindAll(
  hosts: readonly string[],
  wantedPort: number,
  create: () => HttpServer,
): Promise<Result<HttpServer[]>> {
  const servers: HttpServer[] = [];
  let port = wantedPort;
  let failure: NetworkError | undefined;
  for (const host of hosts) {
    const server = create();
    const error = await bind(server, host, port);
    if (error === undefined) {
      servers.push(server);
      port = portOf(server);
    } else if (hosts.length === 1 || !NO_SUCH_ADDRESS.has(codeOf(error))) {
      await Promise.all(servers.map(closed));
      return { ok: false, error: listenErrorOf(error, formatHostPort(host, port)) };
    } else {
      failure ??= listenErrorOf(error, formatHostPort(host, port));
    }
  }
  if (servers.length > 0) return ok(servers);
  return failure === undefined ? err('TransportUnavailable', 'the host has no address') : { ok: false, error: failure };
}

function bind(server: HttpServer, host: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen({ host, port }, () => {
      // From here on an error concerns one connection attempt (no file descriptor left): the next may succeed.
      server.removeAllListeners('error').on('error', () => undefined);
      resolve(undefined);
    });
  });
}

function closed(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    // A client that connected meanwhile and says nothing would be waited for.
    server.closeAllConnections();
  });
}

function portOf(server: HttpServer): number {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}
