/** The process with the clients of `nats-connections.ts`. */
import { performance } from 'node:perf_hooks';
import { unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { medianOf } from './measurement.js';
import type { FleetTask } from './nats-connections.js';
import { sendMany } from './send-many.js';
import { MESSAGE_BYTES } from './subject.js';
import { start } from './subjects/entropynet-nats.js';

/** Connections that are being made at once. */
const AT_ONCE = 64;
const CAPACITY = 20_000;

const networking = await start(CAPACITY);
const handles: ConnectionHandle[] = [];
const message = new Uint8Array(MESSAGE_BYTES);

process.on('message', (task: FleetTask) => {
  void perform(task).then((answer) => process.send?.(answer));
});

async function perform(task: FleetTask): Promise<number> {
  switch (task.task) {
    case 'connect':
      return connectAll(task.endpoints, task.count);
    case 'connect-singly': {
      const times: number[] = [];
      for (let made = 0; made < task.count; made += 1) times.push(await connectOne(task.endpoints, made));
      return medianOf(times);
    }
    case 'send':
      await sendAll(task.messages);
      return 0;
    case 'close':
      await Promise.all(handles.splice(0).map((handle) => handle.close()));
      return 0;
    case 'collect-garbage':
      globalThis.gc?.();
      return 0;
  }
}

/** Returns how long it took, in milliseconds. */
async function connectOne(endpoints: readonly string[], index: number): Promise<number> {
  const pair = index % endpoints.length;
  // Another name is another NATS connection, as another host has one.
  const config = { endpoint: endpoints[pair] ?? '', nats: { name: `client-${pair}` } };
  const startedAt = performance.now();
  const handle = unwrap(networking.manager.openConnection(config));
  unwrap(await handle.connect());
  handles.push(handle);
  return performance.now() - startedAt;
}

async function connectAll(endpoints: readonly string[], count: number): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const connectMany = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await connectOne(endpoints, next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, connectMany));
  return performance.now() - startedAt;
}

/** Sends so many messages, as many over each connection. */
async function sendAll(count: number): Promise<void> {
  const each = Math.floor(count / handles.length);
  const sending = handles.map((handle, index) =>
    sendMany(handle, message, index === 0 ? count - each * (handles.length - 1) : each),
  );
  await Promise.all(sending);
}
