import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { unwrap } from '@entropynet/core';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { ringsIn } from '../bare-ring.js';
import { type MessageReader, type Port, type StartPeer, type Subject } from '../subject.js';

/** How a receiver gets a message: as a copy, as a view, or as the bounds of it in the ring's own array. */
type Delivery = 'copy' | 'view' | 'in place';

interface Kind {
  readonly name: string;
  readonly delivery: Delivery;
  /** Messages that are published together; one by one without it. */
  readonly batch?: number;
}

const LOOKS_PER_CLOCK = 64;
/** How long a receiver looks for messages before the event loop gets its turn, in milliseconds. */
const SLICE_MS = 0.2;

/** Both processes get the memory from a connection, which then rests. */
class BareRingSubject implements Subject {
  readonly kind = 'limit';
  readonly workloads = ['round-trip', 'one-way', 'sizes', 'pipelined'];

  constructor(private readonly what: Kind) {}

  get name(): string {
    return this.what.name;
  }

  /** The ring of ordinary, owned messages is the measure of a quick run. */
  get isExtra(): boolean {
    return this.what.delivery !== 'copy';
  }

  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    return portOf(this.what, await serveMemory(startPeer, folder), true);
  }

  async join(address: string, folder: string): Promise<Port> {
    return portOf(this.what, await joinMemory(address, folder), false);
  }
}

/** The memory of a connection that rests from now on. */
interface Memory {
  readonly bytes: ArrayBufferLike;
  readonly handle: ConnectionHandle;
  readonly networking: Networking;
}

/** Listens, starts the peer, and resolves when both have the memory. */
export async function serveMemory(startPeer: StartPeer, folder: string): Promise<Memory> {
  const networking = await start();
  const endpoint = `bench-${randomBytes(4).toString('hex')}`;
  const server = unwrap(networking.manager.createServer({ endpoint, sharedMemory: { directory: folder } }));
  unwrap(await server.listen());
  startPeer(endpoint);
  const handle = unwrap(await server.accept());
  return { bytes: await memoryOf(handle), handle, networking };
}

/** The other side of `serveMemory`. */
export async function joinMemory(address: string, folder: string): Promise<Memory> {
  const networking = await start();
  const handle = unwrap(networking.manager.openConnection({ endpoint: address, sharedMemory: { directory: folder } }));
  const bytes = memoryOf(handle);
  unwrap(await handle.connect());
  return { bytes: await bytes, handle, networking };
}

function start(): Promise<Networking> {
  return createNetworking({ transports: [sharedMemoryTransportModule] });
}

/** A borrowed message is a view of the region. Resolves when the peer has its memory, too. */
async function memoryOf(handle: ConnectionHandle): Promise<ArrayBufferLike> {
  let memory: ArrayBufferLike | undefined;
  const received = new Promise<void>((resolve) => {
    handle.setMessageCallback(
      (data) => {
        memory ??= data.buffer;
        if (data.length === 2) resolve();
        else void handle.send(new Uint8Array(2)).then(unwrap);
      },
      { ownership: 'borrow' },
    );
  });
  handle.onConnected((connection) => {
    void connection.send(new Uint8Array(1)).then(unwrap);
  });
  await received;
  return memory as ArrayBufferLike;
}

function portOf({ delivery, batch }: Kind, { bytes, handle, networking }: Memory, isServer: boolean): Port {
  const { outgoing, incoming } = ringsIn(bytes, isServer);
  let onWritable: (() => void) | undefined;
  let isClosed = false;
  handle.on('state', (state) => {
    if (state !== 'connected') isClosed = true;
  });

  const poll = (drain: () => void): void => {
    // Then the memory is gone.
    if (isClosed) return;
    const end = performance.now() + SLICE_MS;
    do {
      for (let looks = 0; looks < LOOKS_PER_CLOCK; looks += 1) drain();
      if (onWritable !== undefined && outgoing.hasRoom) {
        const callback = onWritable;
        onWritable = undefined;
        callback();
      }
    } while (performance.now() < end);
    setImmediate(poll, drain);
  };
  return {
    longestMessage: outgoing.longestMessage,
    send: (message) => outgoing.send(message),
    whenWritable: (callback) => {
      onWritable = callback;
    },
    onMessage: (callback) => {
      poll(() => {
        if (delivery === 'view') incoming.drainViews(callback);
        else incoming.drainCopies(callback);
      });
    },
    ...(delivery === 'in place' && {
      inPlace: {
        onMessage: (callback: MessageReader) => {
          poll(() => {
            incoming.drainInPlace(callback);
          });
        },
        send: (firstByte: number, messageBytes: number): boolean => {
          const taken = outgoing.write(firstByte, messageBytes);
          if (taken) outgoing.publish();
          return taken;
        },
      },
    }),
    ...(batch !== undefined && {
      sendBatch: (message: Uint8Array, count: number): number => {
        let taken = 0;
        while (taken < Math.min(batch, count) && outgoing.put(message)) taken += 1;
        outgoing.publish();
        return taken;
      },
    }),
    close: () => {
      // A handle that is closed tells its listeners nothing more.
      isClosed = true;
      return networking.close();
    },
  };
}

export const bareRingSubjects: readonly Subject[] = [
  new BareRingSubject({ name: 'bare ring copy', delivery: 'copy' }),
  new BareRingSubject({ name: 'bare ring view', delivery: 'view' }),
  new BareRingSubject({ name: 'bare ring in place', delivery: 'in place' }),
  new BareRingSubject({ name: 'bare ring in place batch', delivery: 'in place', batch: 32 }),
];
