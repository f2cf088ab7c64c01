import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ringsIn } from '../bare-ring.js';
import { compile, NODE_HEADERS } from '../compile.js';
import { type Port, type StartPeer, type Subject } from '../subject.js';
import { joinMemory, serveMemory } from './bare-ring.js';

/** `benchmarks/native/doorbell.cc`. */
interface Doorbell {
  listen(path: string): number;
  give(listener: number): readonly [number, number];
  take(path: string): readonly [number, number];
  ring(peer: number): void;
  watch(own: number, callback: () => void): void;
}

type Memory = Awaited<ReturnType<typeof serveMemory>>;

/** The bare ring whose receiver sleeps in the event loop, and is woken by the shortest addon that can do it. */
class BareRingAsleep implements Subject {
  readonly name = 'bare ring asleep';
  readonly kind = 'limit';
  readonly isExtra = true;
  readonly workloads = ['round-trip'];

  unavailable(): Promise<string | undefined> {
    const built = buildDoorbell();
    return Promise.resolve('reason' in built ? built.reason : undefined);
  }

  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const doorbell = loadDoorbell();
    const listener = doorbell.listen(socketIn(folder));
    const memory = await serveMemory(startPeer, folder);
    return portOf(memory, true, doorbell, doorbell.give(listener));
  }

  async join(address: string, folder: string): Promise<Port> {
    const doorbell = loadDoorbell();
    const memory = await joinMemory(address, folder);
    // It comes last, because it blocks this thread until the driver gives.
    return portOf(memory, false, doorbell, doorbell.take(socketIn(folder)));
  }
}

function socketIn(folder: string): string {
  return join(folder, 'doorbell');
}

function buildDoorbell(): ReturnType<typeof compile> {
  return compile('doorbell.cc', 'doorbell.node', ['-shared', '-fPIC', '-isystem', NODE_HEADERS]);
}

function loadDoorbell(): Doorbell {
  const built = buildDoorbell();
  if ('reason' in built) throw new Error(built.reason);
  return createRequire(import.meta.url)(built.program) as Doorbell;
}

function portOf(
  { bytes, networking }: Memory,
  isServer: boolean,
  doorbell: Doorbell,
  [own, peer]: readonly [number, number],
): Port {
  const { outgoing, incoming } = ringsIn(bytes, isServer);
  return {
    send: (message) => {
      if (!outgoing.send(message)) return false;
      doorbell.ring(peer);
      return true;
    },
    // A round trip has one message at most, so there is always room.
    whenWritable: (callback) => setImmediate(callback),
    onMessage: (callback) => {
      doorbell.watch(own, () => {
        incoming.drainCopies(callback);
      });
    },
    close: () => networking.close(),
  };
}

export const bareRingAsleep: Subject = new BareRingAsleep();
