import type { ConnectionConfig, ConnectionServer, NetworkConnection, ServerConfig } from '@entropynet/core';
import { unwrap } from '@entropynet/core';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import type { loadNativeBinding as loadOf } from '@entropynet/transport-shm/internal/native-binding';

interface Inside {
  loadNativeBinding: typeof loadOf;
}

// The path of the file, because the process of a peer runs without the condition for internal modules.
const file = new URL('../../../packages/transport-shm/dist/native-binding.js', import.meta.url).href;
const { loadNativeBinding } = (await import(file)) as Inside;

/** Has this thread's sockets watched by a thread of the addon's, as in runtimes without libuv, or by the event loop again. */
export function watchBy(way: 'event-loop' | 'thread'): void {
  unwrap(loadNativeBinding()).setWake(way);
}

/** Shared memory whose connections and servers are woken by a thread of the addon's. */
export class ThreadWakeTransport extends SharedMemoryTransport {
  override createConnection(config: ConnectionConfig): NetworkConnection {
    watchBy('thread');
    return super.createConnection(config);
  }

  override createServer(config: ServerConfig): ConnectionServer {
    watchBy('thread');
    return super.createServer(config);
  }
}
