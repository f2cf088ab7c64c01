import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Measurement, medianOf } from './measurement.js';
import { messageFor } from './session.js';
import { MESSAGE_BYTES, type MessageReader, type Port, type StartPeer, type Subject, Task } from './subject.js';

/** For `--only`. */
export const ONE_THREAD = 'one-thread';

/** Those whose two ends may share a thread, each beside the bare ring of the same delivery. */
export const SUBJECTS_ON_ONE_THREAD: readonly string[] = [
  'EntropyNet shm adaptive',
  'bare ring copy',
  'EntropyNet shm borrow',
  'EntropyNet shm claim+borrow',
  'bare ring view',
  'EntropyNet shm in place',
  'bare ring in place',
];

/** Fewer than a window has room for, and enough that the way to the first one does not count. */
const MESSAGES = 500;
const WARM_UP_BATCHES = 1000;
const BATCHES = 500;

/**
 * Both ends in this thread, one after the other: first all messages are sent, then all are delivered. So neither side waits
 * for the other's processor, and what is left is the number of instructions of each side.
 */
export async function measureOneThread(subject: Subject): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-bench-'));
  let joined: Promise<Port> | undefined;
  // A subject of this list has no use for the process.
  const startPeer = (address: string): undefined => {
    joined = subject.join?.(address, folder);
  };
  try {
    const sender = await subject.serve(startPeer as unknown as StartPeer, folder);
    if (joined === undefined) throw new Error(`the subject '${subject.name}' has no other end`);
    const receiver = await joined;
    const batch = receiverOf(receiver);
    for (let count = 0; count < WARM_UP_BATCHES; count += 1) await measureBatch(sender, batch);
    const sends: number[] = [];
    const deliveries: number[] = [];
    for (let count = 0; count < BATCHES; count += 1) {
      const { send, delivery } = await measureBatch(sender, batch);
      sends.push(send);
      deliveries.push(delivery);
    }
    await Promise.all([sender.close(), receiver.close()]);
    const figure = `${MESSAGE_BYTES} B on one thread`;
    return [
      { figure, statistic: 'send', unit: 'ns', value: medianOf(sends) },
      { figure, statistic: 'delivery', unit: 'ns', value: medianOf(deliveries) },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves with the milliseconds from the first message of a batch to its last. */
type Batch = () => Promise<number>;

function receiverOf(port: Port): Batch {
  let received = 0;
  let firstAt = 0;
  let resolve: (milliseconds: number) => void = () => undefined;
  listen(port, () => {
    received += 1;
    if (received === 1) firstAt = performance.now();
    if (received === MESSAGES) resolve(performance.now() - firstAt);
  });
  return () => {
    received = 0;
    return new Promise<number>((done) => {
      resolve = done;
    });
  };
}

/** The nanoseconds of one message on each side. */
async function measureBatch(sender: Port, batch: Batch): Promise<{ send: number; delivery: number }> {
  const message = messageFor(Task.Count);
  const { inPlace } = sender;
  const delivered = batch();
  // The window of the messages before comes back to the sender in a turn of the event loop.
  await nextTurn();
  const startedAt = performance.now();
  for (let sent = 0; sent < MESSAGES; sent += 1) {
    const isTaken = inPlace === undefined ? sender.send(message) : inPlace.send(Task.Count, MESSAGE_BYTES);
    if (!isTaken) throw new Error(`there is no room for ${MESSAGES} messages`);
  }
  const send = performance.now() - startedAt;
  return { send: (send * 1e6) / MESSAGES, delivery: ((await delivered) * 1e6) / (MESSAGES - 1) };
}

function listen(port: Port, callback: () => void): void {
  const onMessage: MessageReader = () => {
    callback();
  };
  if (port.inPlace === undefined) port.onMessage(callback);
  else port.inPlace.onMessage(onMessage);
}
