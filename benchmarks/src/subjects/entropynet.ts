import { randomBytes } from 'node:crypto';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { SharedMemoryTransport, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import type { Port, StartPeer, Subject } from '../subject.js';

type WaitMode = 'adaptive' | 'sleep' | 'spin';

/** EntropyNet as a user has it: `ConnectionHandle`, owned callbacks, default configuration but for what the name says. */
class EntropyNetSubject implements Subject {
  constructor(
    readonly name: string,
    private readonly wait: WaitMode | undefined,
  ) {}

  async unavailable(folder: string): Promise<string | undefined> {
    if (this.wait === undefined) return undefined;
    const probe = await new SharedMemoryTransport().probe({ endpoint: 'nobody', sharedMemory: { directory: folder } });
    return probe.available || !probe.reason.includes('addon') ? undefined : probe.reason;
  }

  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const networking = await start();
    const endpoint = this.wait === undefined ? 'ws://127.0.0.1:0/bench' : `bench-${randomBytes(4).toString('hex')}`;
    const server = unwrap(networking.manager.createServer(this.#config(endpoint, folder)));
    unwrap(await server.listen());
    startPeer(this.wait === undefined ? (server.addresses()[0] ?? '') : endpoint);
    const handle = unwrap(await server.accept());
    return portOf(handle, networking);
  }

  async join(address: string, folder: string): Promise<Port> {
    const networking = await start();
    const handle = unwrap(networking.manager.openConnection(this.#config(address, folder)));
    unwrap(await handle.connect());
    return portOf(handle, networking);
  }

  #config(endpoint: string, folder: string): ConnectionConfig {
    return { endpoint, sharedMemory: { directory: folder, wait: this.wait ?? 'adaptive' } };
  }
}

function start(): Promise<Networking> {
  return createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] });
}

function portOf(handle: ConnectionHandle, networking: Networking): Port {
  return {
    send: (message) => handle.trySend(message).ok,
    whenWritable: (callback) => handle.once('drain', callback),
    onMessage: (callback) => {
      handle.setMessageCallback(callback);
    },
    close: () => networking.close(),
  };
}

export const entropyNetSubjects: readonly Subject[] = [
  new EntropyNetSubject('EntropyNet shm adaptive', 'adaptive'),
  new EntropyNetSubject('EntropyNet shm sleep', 'sleep'),
  new EntropyNetSubject('EntropyNet shm spin', 'spin'),
  new EntropyNetSubject('EntropyNet ws', undefined),
];
