import { createInterface } from 'node:readline';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { NatsConnection, NatsConnectionServer } from '@entropynet/transport-nats';

// A program on a separate host, in a separate network: `server ENDPOINT` or `client ENDPOINT`. It prints each event in
// a line.
const [role = '', endpoint = ''] = process.argv.slice(2);
// Much longer than a busy machine makes a living peer or NATS server wait.
const config = { endpoint, connectTimeoutMs: 5000, nats: { heartbeat: { intervalMs: 200, timeoutMs: 3000 } } };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function watch(connection: NetworkConnection): void {
  connection.setStateCallback((state, error) => {
    say(`${state}${error === undefined ? '' : ` ${error.code}`}`);
  });
  connection.setMessageCallback((data) => {
    say(`message ${Buffer.from(data).toString()}`);
  });
}

if (role === 'server') {
  const server = new NatsConnectionServer(config);
  unwrap(await server.listen());
  say('listening');
  for await (const connection of server) {
    watch(connection);
    connection.startReceiving();
  }
} else {
  const client = new NatsConnection(config);
  watch(client);
  say('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const result = line === 'connect' ? await client.connect() : await client.send(Buffer.from(line));
    say(`${line}: ${result.ok ? 'ok' : result.error.code}`);
  }
}
