import { unwrap } from '@entropynet/core';
import { WebSocketTransport } from '@entropynet/transport-ws';

// A connection with the right secret and one with a wrong one, for a test that reads the output of `NODE_DEBUG`.
const secret = 'the secret of the program';
const transport = new WebSocketTransport();
const server = transport.createServer({ endpoint: 'ws://127.0.0.1:0', secret });
unwrap(await server.listen());
const endpoint = server.address()!;
const client = transport.createConnection({ endpoint, secret });
unwrap(await client.connect());
unwrap(await server.accept()).startReceiving();
await client.disconnect();
await transport.createConnection({ endpoint, secret: 'another secret of the program' }).connect();
await server.close();
process.disconnect();
