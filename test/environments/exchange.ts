import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requestReply } from '@entropynet/messaging';
import { ConnectionBackend, createNetworking, unwrap, type ConnectionConfig, type ConnectionHandle } from 'entropynet';

/*
 * Everything that must work in every environment. This code uses no timer and no clock, because they may be fake. It
 * compares arrays as text, because those of Node.js are of another realm in jest. It does without
 * `Symbol.asyncDispose`, which another realm may lack. The parent ends a program that hangs.
 */

/** The transports that every environment tests. */
export const BACKENDS = [ConnectionBackend.SharedMemory, ConnectionBackend.WebSocket] as const;
export type Backend = (typeof BACKENDS)[number];

const MESSAGES = 500;
const LARGE_BYTES = 3_000_000;

/** Both ends of a connection, in this thread. */
export interface Pair {
  readonly client: ConnectionHandle;
  readonly peer: ConnectionHandle;
  /** Closes both ends and the server, and checks that no file remains. */
  close(): Promise<void>;
}

/** Connects; shared memory in a directory that exists already. */
export async function openPair(backend: Backend): Promise<Pair> {
  const networking = await createNetworking({ log: () => undefined });
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-environment-'));
  const config = configOf(backend, directory);
  const server = unwrap(networking.manager.createServer(config));
  unwrap(await server.listen());
  const client = unwrap(networking.manager.openConnection({ ...config, endpoint: server.addresses()[0]! }));
  const accepting = server.accept();
  unwrap(await client.connect());
  const peer = unwrap(await accepting);
  return {
    client,
    peer,
    async close() {
      await networking.close();
      const left = readdirSync(directory);
      rmSync(directory, { recursive: true });
      assert.equal(left.join(), '', 'files were left behind');
    },
  };
}

/**
 * Sends `count` numbered messages and waits until the peer has received each of them, in order.
 * @param beforeEach called with each number before it is sent
 */
export async function sendNumbered(
  { client, peer }: Pair,
  count = MESSAGES,
  beforeEach?: (number: number) => void,
): Promise<void> {
  let expected = 0;
  const arrived = new Promise<void>((resolve, reject) => {
    peer.setMessageCallback((bytes) => {
      const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
      if (number !== expected) reject(new Error(`message ${number} came in the place of ${expected}`));
      expected += 1;
      if (expected === count) resolve();
    });
  });
  for (let number = 0; number < count; number += 1) {
    beforeEach?.(number);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, number);
    if (!client.trySend(bytes).ok) unwrap(await client.send(bytes));
  }
  await arrived;
  peer.setMessageCallback(null);
}

/** All uses of a connection: connecting, sending, channels, iterators, time limits, goodbye. */
export async function exchange(backend: Backend): Promise<void> {
  const pair = await openPair(backend);
  const { client, peer } = pair;
  await sendNumbered(pair);
  await sendNumbered({ ...pair, client: peer, peer: client });
  await sendLarge(pair);
  await useChannel(pair);
  await askForReplies(pair);
  await failCallback(pair);
  await endIterator(pair);
  await pair.close();
  await expectNobody(backend);
  await expectTimeout();
}

/** More than a window, so it needs the credit that the peer returns as it reads. */
async function sendLarge({ client, peer }: Pair): Promise<void> {
  const arrived = new Promise<number>((resolve) => {
    peer.setMessageCallback((bytes) => {
      resolve(bytes.length);
    });
  });
  unwrap(await client.send(new Uint8Array(LARGE_BYTES)));
  assert.equal(await arrived, LARGE_BYTES);
  peer.setMessageCallback(null);
}

async function useChannel({ client, peer }: Pair): Promise<void> {
  unwrap(await client.openChannel('side'));
  const arrived = new Promise<Uint8Array>((resolve) => {
    peer.setChannelMessageCallback('side', resolve);
  });
  unwrap(await client.sendOnChannel('side', Uint8Array.of(1, 2, 3)));
  assert.equal((await arrived).join(), '1,2,3');
}

/** Requests, one that waits for its handler, and one that ends by its time limit, whatever the clocks of the program say. */
async function askForReplies({ client, peer }: Pair): Promise<void> {
  const near = unwrap(await requestReply(client));
  const early = near.request('early');
  const far = unwrap(await requestReply(peer, { handlerTimeoutMs: 50 }));
  const refused = await early;
  assert.equal(refused.ok, false);
  assert.equal(refused.error.code, 'NotSupported');
  far.handle((request) => (request === 'never' ? new Promise(() => undefined) : `reply to ${String(request)}`));
  assert.equal(unwrap(await near.request('a question')), 'reply to a question');
  const late = await near.request('never', { timeoutMs: 50 });
  assert.equal(late.ok, false);
  assert.equal(late.error.code, 'Timeout');
  await near.close();
  await far.close();
}

/**
 * A failing callback without an `error` listener causes a warning of the process, for which the parent looks. The
 * connection continues.
 */
export async function failCallback(pair: Pair): Promise<void> {
  const { client, peer } = pair;
  const called = new Promise<void>((resolve) => {
    peer.setMessageCallback(() => {
      resolve();
      throw new Error('as planned');
    });
  });
  unwrap(await client.send(new Uint8Array(1)));
  await called;
  peer.setMessageCallback(null);
  await sendNumbered(pair);
}

/** An iterator ends with the connection, after the last message. */
async function endIterator({ client, peer }: Pair): Promise<void> {
  const messages = peer.messages();
  const received = (async () => {
    const lengths: number[] = [];
    for await (const bytes of messages) lengths.push(bytes.length);
    return lengths;
  })();
  unwrap(await client.send(new Uint8Array(7)));
  unwrap(await client.send(new Uint8Array(9)));
  unwrap(await client.disconnect());
  assert.equal((await received).join(), '7,9');
}

/** Connecting without a server fails with the right code. */
async function expectNobody(backend: Backend): Promise<void> {
  const directory = join(tmpdir(), `entropynet-nowhere-${randomUUID()}`);
  const networking = await createNetworking({ log: () => undefined });
  const config =
    backend === ConnectionBackend.SharedMemory
      ? configOf(backend, directory)
      : { endpoint: 'ws://127.0.0.1:1/', backend };
  const connected = await unwrap(networking.manager.openConnection(config)).connect();
  assert.equal(connected.ok, false);
  assert.equal(connected.error.code, 'TransportUnavailable');
  await networking.close();
}

/** A server that never answers: connecting ends by its time limit, whatever the clocks of the program say. */
async function expectTimeout(): Promise<void> {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  assert.ok(typeof address === 'object' && address !== null);
  const sockets = new Set<{ destroy(): unknown }>();
  silent.on('connection', (socket) => sockets.add(socket));
  const networking = await createNetworking({ log: () => undefined });
  const connected = await unwrap(
    networking.manager.openConnection({ endpoint: `ws://127.0.0.1:${address.port}/`, connectTimeoutMs: 50 }),
  ).connect();
  assert.equal(connected.ok, false);
  assert.equal(connected.error.code, 'Timeout');
  await networking.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
}

function configOf(backend: Backend, directory: string): ConnectionConfig {
  return backend === ConnectionBackend.SharedMemory
    ? { endpoint: `environment-${randomUUID()}`, backend, sharedMemory: { directory } }
    : { endpoint: 'ws://127.0.0.1:0/', backend };
}
