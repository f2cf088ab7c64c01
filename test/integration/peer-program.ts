import { unwrap } from '@entropynet/core';
import { SharedMemoryTransport } from '@entropynet/transport-shm';

// Connects with the configuration in its argument, prints its facts about the server, and stays connected.
const client = new SharedMemoryTransport().createConnection(JSON.parse(process.argv[2]!) as { endpoint: string });
unwrap(await client.connect());
process.stdout.write(JSON.stringify(client.peer));
