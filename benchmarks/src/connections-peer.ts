/** The process with the clients of `connections.ts`. */
import { performance } from 'node:perf_hooks';
import { unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import type { ConnectionsTask } from './connections.js';
import { sendMany } from './send-many.js';
import { MESSAGE_BYTES } from './subject.js';
import { configOf, start } from './subjects/entropynet.js';

/** Connections that are being made at once. */
const AT_ONCE = 16;

const networking = await start();
const handles: ConnectionHandle[] = [];
const message = new Uint8Array(MESSAGE_BYTES);

process.on('message', (task: ConnectionsTask) => {
  void perform(task);
});

async function perform(task: ConnectionsTask): Promise<void> {
  if (task.task === 'connect') {
    const startedAt = performance.now();
    await connectAll(task.endpoint, task.folder, task.count);
    process.send?.(performance.now() - startedAt);
    return;
  }
  const senders = task.task === 'send-by-one' ? handles.slice(0, 1) : handles;
  const each = Math.floor(task.messages / senders.length);
  senders.forEach((handle, index) => {
    void sendMany(handle, message, index === 0 ? task.messages - each * (senders.length - 1) : each);
  });
}

async function connectAll(endpoint: string, folder: string, count: number): Promise<void> {
  const connectOne = async (): Promise<void> => {
    const handle = unwrap(networking.manager.openConnection(configOf({ wait: 'adaptive' }, endpoint, folder)));
    unwrap(await handle.connect());
    handle.setMessageCallback((data) => {
      handle.trySend(data);
    });
    handles.push(handle);
  };
  for (let made = 0; made < count; made += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made) }, connectOne));
}
