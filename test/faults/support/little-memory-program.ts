import { unwrap } from '@entropynet/core';
import { SharedMemoryServer } from '@entropynet/transport-shm';
import { WebSocketConnectionServer } from '@entropynet/transport-ws';

// A server in a process with little address space. It reports the events of its first two connections.

const [endpoint = '', directory] = process.argv.slice(2);
const maxMessageSize = 2 ** 30;
const server = endpoint.startsWith('ws:')
  ? new WebSocketConnectionServer({ endpoint, maxMessageSize })
  : new SharedMemoryServer({ endpoint, maxMessageSize, sharedMemory: { directory: directory! } });
unwrap(await server.listen());
process.stdout.write(`listening at ${server.address() ?? ''}\n`);
for (const name of ['first', 'second']) {
  const connection = unwrap(await server.accept());
  connection.setMessageCallback((data) => {
    process.stdout.write(`${name}: ${data[0]}\n`);
  });
  connection.on('state', (state, error) => {
    process.stdout.write(`${name}: ${state} ${error?.code}\n`);
  });
  connection.startReceiving();
}
