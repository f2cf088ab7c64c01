/**
 * A process with real traffic for the inspector. Its first argument: `server`, `shared-memory`, `websocket` (which also
 * has one failed connection) or `fallback`. It ends with its parent.
 */
import { createNetworking, unwrap } from 'entropynet';
import { startInspectorAgent } from '@entropynet/inspector';

const [role = '', name = '', inspector = '', directory = '', webSocket = ''] = process.argv.slice(2);
const sharedMemory = { directory };
startInspectorAgent({ name: `${role}-program`, inspector: { endpoint: inspector, sharedMemory }, intervalMs: 100 });
const { manager } = await createNetworking();
process.on('disconnect', () => process.exit());

if (role === 'server') {
  const config = { endpoint: name, fallback: ['ws://127.0.0.1:0/engine'], sharedMemory };
  const server = unwrap(manager.createServer(config));
  unwrap(await server.listen());
  process.send?.(server.addresses().find((address) => address.startsWith('ws:')));
  for await (const client of server) client.setMessageCallback((message) => void client.trySend(message));
} else {
  const configs: Record<string, Parameters<typeof manager.openConnection>[0]> = {
    'shared-memory': { endpoint: name, sharedMemory },
    websocket: { endpoint: webSocket, webSocket: { heartbeat: { intervalMs: 200, timeoutMs: 30_000 } } },
    fallback: { endpoint: 'nobody-is-here', fallback: [webSocket], sharedMemory },
  };
  const client = unwrap(manager.openConnection(configs[role] ?? { endpoint: name }));
  client.setMessageCallback(() => undefined);
  unwrap(await client.connect());
  if (role === 'websocket') await unwrap(manager.openConnection({ endpoint: 'ws://127.0.0.1:9/absent' })).connect();
  // Nobody reads this channel, so its window fills.
  if (role === 'websocket') {
    unwrap(await client.openChannel('bulk'));
    while (client.trySendOnChannel('bulk', new Uint8Array(50_000)).ok);
    void client.sendOnChannel('bulk', new Uint8Array(50_000));
  }
  process.send?.('connected');
  setInterval(() => {
    for (let index = 0; index < 50; index += 1) client.trySend(new Uint8Array(1000));
  }, 10);
}
