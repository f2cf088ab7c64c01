import { randomBytes } from 'node:crypto';
import { type ConnectionConfig, type MessageCallbackOptions, TRANSPORT, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, createNetworking, type ManagedServer, type Networking } from '@entropynet/manager';
import { SharedMemoryTransport, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { ContainerModule } from 'inversify';
import { type CloseConnection, connectMany } from '../connect-many.js';
import { playPeer } from '../play-peer.js';
import { LAST_BYTE, MESSAGE_BYTES, type Port, type ProcessStart, type StartPeer, type Subject } from '../subject.js';
import { MEMORY_KEPT, nameWithMemoryKept } from './memory-kept.js';

/** How both ends wait. */
export type WaitMode = 'adaptive' | 'sleep' | 'spin';

interface Kind {
  readonly name: string;
  /** Shared memory that waits so; WebSocket without it. */
  readonly wait?: WaitMode;
  /** Sends by `claim` and receives borrowed views: without a copy of its own. */
  readonly isZeroCopy?: boolean;
  /** Receives borrowed views. */
  readonly isBorrowing?: boolean;
  /** Writes and reads messages where they lie. */
  readonly isInPlace?: boolean;
  /** Sends by `trySendBatch`, where there are several messages to send. */
  readonly isBatching?: boolean;
  /** With room for messages of 1 MiB in one piece: a region of 16 MiB and a window of 8. */
  readonly isLarge?: boolean;
  /** In processes that keep their memory. */
  readonly isMemoryKept?: boolean;
}

const MEBIBYTE = 1024 * 1024;

/** Messages in one call of `trySendBatch`. */
const BATCH = 32;

/** EntropyNet as a user has it: `ConnectionHandle`, default configuration but for what the name says. */
class EntropyNetSubject implements Subject {
  readonly kind = 'entropynet';

  constructor(private readonly what: Kind) {}

  get name(): string {
    return this.what.name;
  }

  get isExtra(): boolean {
    return (
      this.what.isBatching === true ||
      this.what.isBorrowing === true ||
      this.what.isInPlace === true ||
      this.what.isLarge === true ||
      this.what.isMemoryKept === true
    );
  }

  get connects(): boolean {
    return !this.isExtra;
  }

  get start(): ProcessStart | undefined {
    return this.what.isMemoryKept === true ? MEMORY_KEPT.start : undefined;
  }

  get workloads(): readonly string[] | undefined {
    return this.what.isMemoryKept === true ? MEMORY_KEPT.workloads : undefined;
  }

  async unavailable(folder: string): Promise<string | undefined> {
    if (this.what.wait === undefined) return undefined;
    const probe = await new SharedMemoryTransport().probe({ endpoint: 'nobody', sharedMemory: { directory: folder } });
    return probe.available || !probe.reason.includes('addon') ? undefined : probe.reason;
  }

  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const { handle, networking } = await serveEntropyNet(this.what, startPeer, folder);
    return portOf(this.what, handle, networking);
  }

  async join(address: string, folder: string): Promise<Port> {
    const { handle, networking } = await joinEntropyNet(this.what, address, folder);
    const connectOne = (): Promise<CloseConnection> => connectAndEcho(networking, configOf(this.what, address, folder));
    return {
      ...portOf(this.what, handle, networking),
      connectMore: (count) => connectMany(count, connectOne),
    };
  }
}

/** One end of a connection, and all that belongs to it. */
interface End {
  readonly handle: ConnectionHandle;
  readonly networking: Networking;
}

/** Listens, starts the peer, and resolves when the two are connected. */
export async function serveEntropyNet(what: Kind, startPeer: StartPeer, folder: string): Promise<End> {
  const networking = await start();
  const { wait } = what;
  const endpoint = wait === undefined ? 'ws://127.0.0.1:0/bench' : `bench-${randomBytes(4).toString('hex')}`;
  const server = unwrap(networking.manager.createServer(configOf(what, endpoint, folder)));
  unwrap(await server.listen());
  startPeer(wait === undefined ? (server.addresses()[0] ?? '') : endpoint);
  const handle = unwrap(await server.accept());
  void echoAll(server);
  return { handle, networking };
}

/** Answers all further connections, until the server closes. */
async function echoAll(server: ManagedServer): Promise<void> {
  for (let accepted = await server.accept(); accepted.ok; accepted = await server.accept()) {
    const { value: handle } = accepted;
    handle.setMessageCallback((message) => {
      handle.trySend(message);
    });
  }
}

/** Opens a connection that the driver answers, and resolves when it has got a message back. */
async function connectAndEcho(networking: Networking, config: ConnectionConfig): Promise<CloseConnection> {
  const handle = unwrap(networking.manager.openConnection(config));
  const answered = new Promise<void>((resolve) => {
    handle.setMessageCallback(() => {
      resolve();
    });
  });
  unwrap(await handle.connect());
  unwrap(handle.trySend(new Uint8Array(MESSAGE_BYTES)));
  await answered;
  return async () => {
    await handle.close();
  };
}

/** Connects to a driver that listens at `address`. */
export async function joinEntropyNet(what: Kind, address: string, folder: string): Promise<End> {
  const networking = await start();
  const handle = unwrap(networking.manager.openConnection(configOf(what, address, folder)));
  unwrap(await handle.connect());
  return { handle, networking };
}

/** What the semantics cost by themselves: both ends in one thread, without a medium in between. */
const loopback: Subject = {
  name: 'EntropyNet loopback',
  kind: 'one process',
  isExtra: true,
  async serve(): Promise<Port> {
    const networking = await createNetworking({
      transports: [
        new ContainerModule(({ bind }) => {
          bind(TRANSPORT).toConstantValue(new LoopbackTransport());
        }),
      ],
    });
    const endpoint = `loopback://bench-${randomBytes(4).toString('hex')}`;
    const server = unwrap(networking.manager.createServer({ endpoint }));
    unwrap(await server.listen());
    const client = unwrap(networking.manager.openConnection({ endpoint }));
    const accepted = server.accept();
    unwrap(await client.connect());
    const handle = unwrap(await accepted);
    await playPeer(portOf({ name: loopback.name }, client, networking));
    return portOf({ name: loopback.name }, handle, networking);
  },
};

/** What both ends of a subject are configured with. */
export function configOf(
  { wait = 'adaptive', isLarge = false }: Pick<Kind, 'wait' | 'isLarge'>,
  endpoint: string,
  directory: string,
): ConnectionConfig {
  if (!isLarge) return { endpoint, sharedMemory: { directory, wait } };
  return { endpoint, channelWindow: 8 * MEBIBYTE, sharedMemory: { directory, wait, regionSize: 16 * MEBIBYTE } };
}

export function start(): Promise<Networking> {
  return createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] });
}

/** A connection as a port; `owner` closes all that belongs to it. */
export function portOf(
  { isZeroCopy = false, isBorrowing = isZeroCopy, isInPlace = false, isBatching = false }: Kind,
  handle: ConnectionHandle,
  owner: Pick<Networking, 'close'>,
): Port {
  const options: MessageCallbackOptions = { ownership: isBorrowing ? 'borrow' : 'copy' };
  const claimAndSend = (message: Uint8Array): boolean => {
    const claim = handle.claim(message.length);
    if (!claim.ok) return false;
    claim.value.bytes.set(message);
    return claim.value.commit().ok;
  };
  return {
    send: isZeroCopy ? claimAndSend : (message) => handle.trySend(message).ok,
    whenWritable: (callback) => handle.once('drain', callback),
    onMessage: (callback) => {
      handle.setMessageCallback(callback, options);
    },
    ...(isInPlace && { inPlace: inPlacePortOf(handle) }),
    ...(isBatching && {
      sendBatch: (message: Uint8Array, count: number): number => {
        const sent = handle.trySendBatch(new Array<Uint8Array>(Math.min(BATCH, count)).fill(message));
        return sent.ok ? sent.value : 0;
      },
    }),
    ...(isZeroCopy && {
      sendUntouched: (firstByte: number, length: number): boolean => {
        const claim = handle.claim(length);
        if (!claim.ok) return false;
        claim.value.bytes[0] = firstByte;
        return claim.value.commit().ok;
      },
    }),
    openChannel: async (name) => {
      unwrap(await handle.openChannel(name));
      return {
        send: (message) => handle.trySendOnChannel(name, message).ok,
        whenWritable: (callback) => {
          const onDrain = (channel: string | undefined): void => {
            if (channel !== name) return;
            handle.off('drain', onDrain);
            callback();
          };
          handle.on('drain', onDrain);
        },
        onMessage: (callback) => {
          handle.setChannelMessageCallback(name, callback, options);
        },
      };
    },
    close: () => owner.close(),
  };
}

function inPlacePortOf(handle: ConnectionHandle): NonNullable<Port['inPlace']> {
  let first = 0;
  let length = 0;
  const write = (bytes: Uint8Array, start: number): void => {
    bytes[start] = first;
    bytes[start + length - 1] = LAST_BYTE;
  };
  return {
    onMessage: (callback) => {
      handle.setMessageCallback(callback, { ownership: 'in-place' });
    },
    send: (firstByte, messageBytes) => {
      first = firstByte;
      length = messageBytes;
      return handle.trySendWith(messageBytes, write).ok;
    },
  };
}

export const entropyNetSubjects: readonly Subject[] = [
  new EntropyNetSubject({ name: 'EntropyNet shm adaptive', wait: 'adaptive' }),
  new EntropyNetSubject({ name: 'EntropyNet shm sleep', wait: 'sleep' }),
  new EntropyNetSubject({ name: 'EntropyNet shm spin', wait: 'spin' }),
  new EntropyNetSubject({ name: 'EntropyNet shm claim+borrow', wait: 'adaptive', isZeroCopy: true }),
  new EntropyNetSubject({
    name: 'EntropyNet shm claim+borrow 16 MiB',
    wait: 'adaptive',
    isZeroCopy: true,
    isLarge: true,
  }),
  new EntropyNetSubject({ name: 'EntropyNet shm borrow', wait: 'adaptive', isBorrowing: true }),
  new EntropyNetSubject({ name: 'EntropyNet shm in place', wait: 'adaptive', isInPlace: true }),
  new EntropyNetSubject({ name: 'EntropyNet shm batch', wait: 'adaptive', isBatching: true }),
  new EntropyNetSubject({
    name: 'EntropyNet shm in place batch',
    wait: 'adaptive',
    isInPlace: true,
    isBatching: true,
  }),
  new EntropyNetSubject({ name: nameWithMemoryKept('EntropyNet shm adaptive'), wait: 'adaptive', isMemoryKept: true }),
  new EntropyNetSubject({ name: 'EntropyNet ws' }),
  new EntropyNetSubject({ name: nameWithMemoryKept('EntropyNet ws'), isMemoryKept: true }),
  loopback,
];
