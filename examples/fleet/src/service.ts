import { hostname } from 'node:os';
import { ConnectionBackend, type ConnectionConfig, unwrap } from '@entropynet/core';
import type { ConnectionHandle, ConnectionManager } from '@entropynet/manager';

/** Listens on every address at once and answers each message with the name of this host, until `signal` aborts. */
export async function serve(manager: ConnectionManager, config: ConnectionConfig, signal: AbortSignal): Promise<void> {
  const server = unwrap(manager.createServer(config));
  unwrap(await server.listen());
  // The server itself tries an address again that may work later. Without shared memory the service works, too.
  const missing = server
    .getPassedOver()
    .find(({ backend, isRetried }) => !isRetried && backend !== ConnectionBackend.SharedMemory);
  if (missing !== undefined) throw new Error(`not listening over ${missing.backend}: ${missing.reason}`);
  process.stdout.write(`listening on ${server.addresses().join(', ')}\n`);
  signal.addEventListener('abort', () => void server.close(), { once: true });
  // The loop ends when the server closes.
  for await (const client of server) answer(client);
}

function answer(client: ConnectionHandle): void {
  process.stdout.write(`a client came over ${client.getBackend()}\n`);
  client.setMessageCallback(async (message) => {
    await client.send(Buffer.concat([Buffer.from(`${hostname()} answers `), message]));
  });
  // A handle keeps its place until it is closed.
  void client.closed.then(() => client.close());
}
