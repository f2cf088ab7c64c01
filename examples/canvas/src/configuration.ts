import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import type { ConnectionConfig } from '@entropynet/core';

/**
 * `canvas.json` with a name and a port that nobody else uses and a directory of its own, so that several of these
 * programs can run at once. A program of yours needs none of this: it passes the file on as it is.
 */
export async function freshConfig(directory: string): Promise<ConnectionConfig> {
  const config = JSON.parse(readFileSync(new URL('../canvas.json', import.meta.url), 'utf8')) as ConnectionConfig;
  const port = await freePort();
  return {
    ...config,
    endpoint: `${config.endpoint}-${randomBytes(4).toString('hex')}`,
    fallback: (config.fallback ?? []).map((address) => withPort(address, port)),
    sharedMemory: { ...config.sharedMemory, directory },
  };
}

function withPort(address: string, port: number): string {
  const url = new URL(address);
  url.port = String(port);
  return url.href;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
