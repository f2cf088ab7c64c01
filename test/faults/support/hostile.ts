import { randomBytes } from 'node:crypto';
import { type Scope, until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, resolveConnectionConfig, unwrap } from '@entropynet/core';
import { publishDiscoveryRegion } from '@entropynet/transport-shm/internal/discovery/discovery-region';
import { findServer, type FoundServer } from '@entropynet/transport-shm/internal/discovery/find-server';
import {
  ACKNOWLEDGEMENT,
  encodeReply,
  encodeRequest,
  HANDSHAKE_BYTES,
} from '@entropynet/transport-shm/internal/discovery/handshake-messages';
import { serverNames, socketPath } from '@entropynet/transport-shm/internal/discovery/names';
import type { LocalSocket, NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { writeControlBlock } from '@entropynet/transport-shm/internal/region/control-block';
import { ringCapacityOf } from '@entropynet/transport-shm/internal/region/layout';

/** The resources of a client after a handshake by hand. They include the descriptor, which a real client closes. */
export interface RawConnection {
  readonly socket: LocalSocket;
  readonly descriptor: number;
  readonly byteLength: number;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly ringCapacity: number;
}

/** The answer to a request by hand. The caller owns the descriptor, which is -1 if the server passed none. */
interface Asked {
  readonly socket: LocalSocket;
  readonly reply: Uint8Array;
  readonly descriptor: number;
}

/** Sends a request by hand and waits for the reply. The scope closes the socket. */
export async function ask(
  scope: Scope,
  { binding, socketPath: path }: FoundServer,
  request: Uint8Array,
): Promise<Asked> {
  const socket = binding.LocalSocket.connect(path);
  scope.defer(() => {
    socket.close();
  });
  socket.send(request);
  const reply = new Uint8Array(HANDSHAKE_BYTES);
  let filled = 0;
  let descriptor = -1;
  await until(() => {
    const received = socket.receive(reply.subarray(filled));
    if (received.descriptor >= 0) descriptor = received.descriptor;
    return (filled += received.bytes) === HANDSHAKE_BYTES;
  }, 'the server has answered');
  return { socket, reply, descriptor };
}

/** Connects by hand. The scope releases everything. */
export async function rawConnect(scope: Scope, config: ConnectionConfig): Promise<RawConnection> {
  const resolved = unwrap(resolveConnectionConfig(config));
  const server = unwrap(findServer(resolved));
  const { binding, identity } = server;
  const regionBytes = resolved.sharedMemory.regionSize;
  const request = encodeRequest({ serverNonce: identity.nonce, regionBytes, limits: resolved });
  const { socket, reply, descriptor } = await ask(scope, server, request);
  scope.defer(() => {
    binding.closeDescriptor(descriptor);
  });
  const byteLength = new DataView(reply.buffer).getUint32(8, true);
  const buffer = binding.attachRegion(descriptor, byteLength);
  scope.defer(() => {
    binding.unmapRegion(buffer);
  });
  socket.send(ACKNOWLEDGEMENT);
  const words = new Int32Array(buffer, 0, byteLength >> 2);
  return {
    socket,
    descriptor,
    byteLength,
    words,
    bytes: new Uint8Array(buffer),
    ringCapacity: ringCapacityOf(byteLength),
  };
}

/** Closes its end of a connection by hand, before the scope does. */
export type Answer = (socket: LocalSocket, binding: NativeBinding) => void;

/** A server that gives the same answer to every request. */
export function serveHostilely(
  scope: Scope,
  binding: NativeBinding,
  directory: string,
  name: string,
  answer: Answer,
): void {
  const names = serverNames(directory, name);
  // Another one for each server: a pipe of Windows has its name from it.
  const nonce = randomBytes(16);
  const listening = binding.LocalSocket.listen(socketPath(names, nonce), 16);
  publishDiscoveryRegion(names.region, {
    nonce,
    processId: process.pid,
    startTime: 1n,
    maxConnections: 16,
  });
  const clients = new Set<LocalSocket>();
  listening.watch(() => {
    for (let client = listening.accept(); client !== null; client = listening.accept()) {
      const socket = client;
      clients.add(socket);
      let asked = 0;
      socket.watch(() => {
        const received = socket.receive(new Uint8Array(HANDSHAKE_BYTES));
        if (received.ended) {
          socket.unwatch();
          release(socket);
          return;
        }
        const before = asked;
        asked += received.bytes;
        if (before < HANDSHAKE_BYTES && asked >= HANDSHAKE_BYTES) answer(socket, binding);
      });
    }
  });
  scope.defer(() => {
    listening.close();
    for (const client of clients) {
      release(client);
      client.close();
    }
  });
}

export const IDENTITY = new Uint8Array(16).fill(9);

/** The answer of a well-behaved server, with the changes of the caller. */
export interface Grant {
  readonly byteLength?: number;
  /** The size in the reply. @default the real size of the region */
  readonly announced?: number;
  /** Changes the region before the client sees it. */
  readonly change?: (bytes: Uint8Array) => void;
  /** The passed descriptor. Undefined stands for the descriptor of the region, null for none. */
  readonly descriptor?: number | null;
}

/** The descriptors of assigned regions stay open until the client leaves: on Windows it copies them from this process. */
const granted = new Map<LocalSocket, () => void>();

/** Assigns a region. */
export function grant(socket: LocalSocket, binding: NativeBinding, options: Grant = {}): void {
  const { byteLength = 65_536, announced = byteLength, change, descriptor: other } = options;
  const { buffer, descriptor } = binding.createRegion(byteLength);
  writeControlBlock(buffer, { identity: IDENTITY, serverProcessId: 1, clientProcessId: 2 });
  change?.(new Uint8Array(buffer));
  const limits = { maxMessageSize: 1024, channelWindow: 65_536, maxChannels: 4 };
  const reply = encodeReply({ regionBytes: announced, identity: IDENTITY, limits });
  if (other === null) socket.send(reply);
  else socket.send(reply, other ?? descriptor);
  binding.unmapRegion(buffer);
  granted.set(socket, () => {
    binding.closeDescriptor(descriptor);
  });
}

/** Closes the descriptor of the assigned region. */
function release(socket: LocalSocket): void {
  granted.get(socket)?.();
  granted.delete(socket);
}
