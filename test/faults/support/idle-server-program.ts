import { closeSync, openSync } from 'node:fs';
import { unwrap } from '@entropynet/core';
import { SharedMemoryServer } from '@entropynet/transport-shm';
import { WebSocketConnectionServer } from '@entropynet/transport-ws';

// A server that nothing but its listening keeps alive. It takes every descriptor that the process may have, and gives them
// back at SIGUSR2.
const [endpoint = '', directory] = process.argv.slice(2);
const server = endpoint.startsWith('ws:')
  ? new WebSocketConnectionServer({ endpoint })
  : new SharedMemoryServer({ endpoint, sharedMemory: { directory: directory! } });
unwrap(await server.listen());
const held: number[] = [];
process.on('SIGUSR2', () => {
  for (const descriptor of held.splice(0)) closeSync(descriptor);
  process.stdout.write('free\n');
});
process.stdout.write(`listening at ${server.address() ?? ''}\n`);
try {
  for (;;) held.push(openSync('/dev/null', 'r'));
} catch {
  process.stdout.write('full\n');
}
void server.accept().then((accepted) => {
  const connection = unwrap(accepted);
  connection.setMessageCallback((bytes) => connection.trySend(bytes));
  connection.startReceiving();
});
