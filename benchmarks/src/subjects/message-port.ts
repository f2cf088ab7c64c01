import { once } from 'node:events';
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { pinNewThreads } from '../pinning.js';
import type { Port, Subject } from '../subject.js';

/** Messages that may be on the way before the sender pauses. */
const MAX_WAITING = 1000;

/** How many messages each side has received: a port has no backpressure of its own, so its users count. */
type Received = Int32Array<SharedArrayBuffer>;
const BY_DRIVER = 0;
const BY_PEER = 1;

/** The port between a thread and the worker that it started: no second process, hence not among the peers. */
export const messagePort: Subject = {
  name: 'worker_threads MessagePort',
  kind: 'one process',
  isExtra: true,
  async serve(): Promise<Port> {
    const received: Received = new Int32Array(new SharedArrayBuffer(8));
    const program = new URL('../peer.js', import.meta.url);
    const worker = new Worker(program, { argv: [messagePort.name], workerData: received });
    await pinNewThreads(1, () => once(worker, 'message'));
    return portOf(worker, received, BY_DRIVER, async () => {
      await worker.terminate();
    });
  },
  join(): Promise<Port> {
    if (parentPort === null) throw new Error('only a worker can join here');
    parentPort.postMessage('ready');
    return Promise.resolve(portOf(parentPort, workerData as Received, BY_PEER, () => Promise.resolve()));
  },
};

function portOf(port: MessagePort | Worker, received: Received, own: number, close: () => Promise<void>): Port {
  let sent = 0;
  return {
    send: (message) => {
      if (sent - Atomics.load(received, 1 - own) >= MAX_WAITING) return false;
      sent += 1;
      port.postMessage(message);
      return true;
    },
    whenWritable: (callback) => {
      setImmediate(callback);
    },
    onMessage: (callback) => {
      port.on('message', (message: Uint8Array) => {
        Atomics.add(received, own, 1);
        callback(message);
      });
    },
    close,
  };
}
