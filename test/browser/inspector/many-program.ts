/**
 * A process with connections to itself, of which one in ten has traffic. Its arguments: the configuration of the
 * inspector as JSON, and the number of connections. It ends with its parent.
 */
import { type ConnectionConfig, type NetworkConnection, unwrap } from '@entropynet/core';
import { startInspectorAgent } from '@entropynet/inspector';
import { WebSocketConnection, WebSocketConnectionServer } from '@entropynet/transport-ws';

const [inspector = '', count = ''] = process.argv.slice(2);
startInspectorAgent({ name: 'many-program', inspector: JSON.parse(inspector) as ConnectionConfig, intervalMs: 1000 });
process.on('disconnect', () => process.exit());

const server = new WebSocketConnectionServer({
  endpoint: 'ws://127.0.0.1:0/many',
  webSocket: { maxConnections: 2000 },
});
unwrap(await server.listen());
const clients: NetworkConnection[] = [];
for (let index = 0; index < Number(count); index += 1) {
  const client = new WebSocketConnection(server.address() ?? '');
  const accepting = server.accept();
  unwrap(await client.connect());
  const accepted = unwrap(await accepting);
  accepted.setMessageCallback(() => undefined);
  accepted.startReceiving();
  clients.push(client);
}
process.on('message', () => void clients.at(-1)?.disconnect());
process.send?.(server.address());
setInterval(() => {
  for (let index = 0; index < clients.length; index += 10) clients[index]?.trySend(new Uint8Array(index));
}, 100);
