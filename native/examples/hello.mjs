// Listens, prints the message of hello.c and answers.
import { unwrap } from '@entropynet/core';
import { SharedMemoryServer } from '@entropynet/transport-shm';

const server = new SharedMemoryServer({ endpoint: 'hello' });
unwrap(await server.listen());
const connection = unwrap(await server.accept());
connection.setMessageCallback((bytes) => {
  console.log(new TextDecoder().decode(bytes));
  void connection.send(new TextEncoder().encode('Hello from Node.js'));
});
connection.startReceiving();
await connection.closed;
await server.close();
