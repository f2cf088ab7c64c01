import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { lineOf } from './line.js';

const BATCH = 64;

// A process that logs: the configuration, its number, how many lines, and whether it says goodbye.
const [configText = '', worker = '', lines = '', ending = ''] = process.argv.slice(2);
const networking = await createNetworking({
  transports: [sharedMemoryTransportModule, webSocketTransportModule],
  log: () => undefined,
});
const collector = unwrap(networking.manager.openConnection(JSON.parse(configText) as ConnectionConfig));
unwrap(await collector.connect());

let sent = 0;
let waits = 0;
while (sent < Number(lines)) {
  const count = Math.min(BATCH, Number(lines) - sent);
  const batch = Array.from({ length: count }, (_unused, index) => lineOf(Number(worker), sent + index));
  const taken = collector.trySendBatch(batch);
  if (!taken.ok && taken.error.code !== 'WouldBlock') throw taken.error;
  const takenCount = taken.ok ? taken.value : 0;
  sent += takenCount;
  const refused = batch[takenCount];
  if (refused === undefined) continue;
  // No room: `send` waits until the collector has taken something.
  waits += 1;
  unwrap(await collector.send(refused));
  sent += 1;
}

// Told before the end, because the end may come at once.
await new Promise((resolve) => process.send?.({ waits, backend: collector.getBackend() }, resolve));
// What was accepted reaches the collector, whichever way this process ends.
if (ending === 'exit') process.exit(0);
await networking.close();
process.disconnect();
