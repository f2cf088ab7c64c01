import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { countPrimes, decode, encode } from './task.js';

// A process that works: the configuration, and in the middle of which task it is to die (0: of none).
const [configText = '', dyingAt = ''] = process.argv.slice(2);
const networking = await createNetworking({
  transports: [sharedMemoryTransportModule, webSocketTransportModule],
  log: () => undefined,
});
const pool = unwrap(networking.manager.openConnection(JSON.parse(configText) as ConnectionConfig));
let begun = 0;
pool.setMessageCallback(async (data) => {
  const { id, value } = decode(data);
  begun += 1;
  // As the system does with a process that needs too much memory.
  if (begun === Number(dyingAt)) process.kill(process.pid, 'SIGKILL');
  unwrap(await pool.send(encode({ id, value: countPrimes(value) })));
});
// Without the pool there is nothing to do.
pool.on('state', (state) => {
  if (state === 'disconnected' || state === 'failed') process.exit(0);
});
unwrap(await pool.connect());
