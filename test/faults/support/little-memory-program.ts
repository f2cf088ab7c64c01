import { unwrap } from '@entropynet/core';
import { SharedMemoryServer } from '@entropynet/transport-shm';

// A server in a process with little address space. It reports the events of its first two connections.

const server = new SharedMemoryServer({
  endpoint: 'little',
  maxMessageSize: 2 ** 30,
  sharedMemory: { directory: process.argv[2]! },
});
unwrap(await server.listen());
process.stdout.write('listening\n');
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
