import type { Server as HttpServer } from 'node:http';
import { err, ok, type NetworkError, type Result, shortageOf, WarningLimiter } from '@entropynet/core';
import { addressesToBind } from './loopback.js';
import { formatHostPort, type WebSocketAddress } from '../protocol/web-socket-address.js';
import { codeOf, listenErrorOf, reasonOf } from '../protocol/web-socket-errors.js';

/** The errors of binding an address that this machine does not have. No other program can bind it either. */
const NO_SUCH_ADDRESS = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** The number of attempts with another port, if the port that the system chose is in use at a further address. */
const MAX_PORTS = 16;

/**
 * Listens with one HTTP server at each address of an endpoint's host, all at the same port. The first address is the
 * one that the server reports. If it fails or throws, it closes all servers.
 * @param create makes one of the servers; it throws the exception of Node.js
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
  let bound: Result<HttpServer[]> | undefined;
  try {
    bound = await bindEach(servers, hosts, wantedPort, create);
    return bound;
  } finally {
    if (bound?.ok !== true) await Promise.all(servers.map(closed));
  }
}

/** Adds each listening server to `servers`, so that the caller can close them after a failure. */
async function bindEach(
  servers: HttpServer[],
  hosts: readonly string[],
  wantedPort: number,
  create: () => HttpServer,
): Promise<Result<HttpServer[]>> {
  let port = wantedPort;
  let failure: NetworkError | undefined;
  for (const host of hosts) {
    const server = create();
    const error = await bind(server, host, port);
    if (error === undefined) {
      servers.push(server);
      port = portOf(server);
      continue;
    }
    const reason = listenErrorOf(error, formatHostPort(host, port));
    if (hosts.length === 1 || !NO_SUCH_ADDRESS.has(codeOf(error))) return { ok: false, error: reason };
    failure ??= reason;
  }
  if (servers.length > 0) return ok(servers);
  return failure === undefined
    ? err(
        'TransportUnavailable',
        'the host of the endpoint has no address on this machine: name one, such as 127.0.0.1',
      )
    : { ok: false, error: failure };
}

function bind(server: HttpServer, host: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen({ host, port }, () => {
      // From now on an error concerns one connection attempt, and the next may succeed. Node.js reports few of them: it
      // ends most clients for which there is no file descriptor by itself.
      const warnings = new WarningLimiter();
      server.removeAllListeners('error').on('error', (error) => {
        const reason = shortageOf(error) ?? reasonOf(error);
        warnings.warn(
          `EntropyNet's WebSocket server at ${formatHostPort(host, portOf(server))} can't accept a client: ${reason}`,
        );
      });
      resolve(undefined);
    });
  });
}

function closed(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    // `close()` would wait for a client that connected meanwhile and sends nothing.
    server.closeAllConnections();
  });
}

function portOf(server: HttpServer): number {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}
