import { unwrap } from '@entropynet/core';
import { SharedMemoryServer } from '@entropynet/transport-shm';

// One of several servers of a name. It answers each message with the id of its process. SIGTERM closes the server. Its
// accepted connections continue, and the process ends with the last of them.
const [endpoint, directory] = process.argv.slice(2);
const server = new SharedMemoryServer({ endpoint: endpoint!, sharedMemory: { directory: directory!, share: true } });
unwrap(await server.listen());
process.once('SIGTERM', () => {
  void server.close();
});
process.stdout.write('listening\n');
const answer = Buffer.from(String(process.pid));
for await (const connection of server) {
  connection.setMessageCallback(() => connection.trySend(answer));
  connection.startReceiving();
}
