import type { Subject } from '../subject.js';

/** Where subjects are, those last that take longest to load. */
const MODULES: readonly (() => Promise<readonly Subject[]>)[] = [
  async () => {
    const { rawWs, rawWsMemoryKept, rawWsStream } = await import('./raw-ws.js');
    return [rawWs, rawWsMemoryKept, rawWsStream];
  },
  async () => [(await import('./unix-socket.js')).unixSocket],
  async () => (await import('./process-ipc.js')).processIpcSubjects,
  async () => [(await import('./message-port.js')).messagePort],
  async () => [(await import('./zeromq.js')).zeroMq],
  async () => (await import('./entropynet.js')).entropyNetSubjects,
  async () => {
    const { nodeToNative, nodeToPython } = await import('./native-peers.js');
    return [nodeToNative, nodeToPython];
  },
  async () => (await import('./bare-ring.js')).bareRingSubjects,
  async () => [(await import('./bare-ring-asleep.js')).bareRingAsleep],
  async () => {
    const { sharedMemoryStream, webSocketStream } = await import('./entropynet-streams.js');
    return [sharedMemoryStream, webSocketStream];
  },
  async () => (await import('./fragmenting-pages.js')).fragmentingPages,
  async () => [(await import('./raw-nats.js')).rawNats],
  async () => [(await import('./entropynet-nats.js')).entropyNetNats],
];

/** The subject of that name. A process that measures one loads as little of the others as it can. */
export async function loadSubject(name: string): Promise<Subject> {
  for (const load of MODULES) {
    const subject = (await load()).find((each) => each.name === name);
    if (subject !== undefined) return subject;
  }
  throw new Error(`there is no subject '${name}'`);
}
