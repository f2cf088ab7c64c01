import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type NativePeers, buildNativePeers } from '../native-peers.js';
import type { PeerProgram, Port, StartPeer, Subject } from '../subject.js';
import { portOf, serveEntropyNet } from './entropynet.js';

/** A peer in another language. */
interface Language {
  readonly name: string;
  readonly isExtra: boolean;
  /** The line that starts the peer; it gets the folder and the endpoint. */
  start(peers: NativePeers, folder: string, endpoint: string): PeerProgram;
  /** The program that the language needs; undefined where it is there. */
  missing(): string | undefined;
}

/** A driver in Node.js, as a user has it, and a peer in another language. */
class NativePeerSubject implements Subject {
  readonly kind = 'native peer';
  readonly workloads = ['round-trip', 'one-way', 'sizes', 'pipelined'];

  constructor(private readonly language: Language) {}

  get name(): string {
    return this.language.name;
  }

  get isExtra(): boolean {
    return this.language.isExtra;
  }

  unavailable(): Promise<string | undefined> {
    const peers = buildNativePeers();
    return Promise.resolve(typeof peers === 'string' ? peers : this.language.missing());
  }

  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const { handle, networking } = await serveEntropyNet({ name: this.name, wait: 'adaptive' }, startPeer, folder);
    return portOf({ name: this.name, wait: 'adaptive' }, handle, networking);
  }

  peerProgram(address: string, folder: string): PeerProgram {
    const peers = buildNativePeers();
    if (typeof peers === 'string') throw new Error(peers);
    return this.language.start(peers, folder, address);
  }
}

export const nodeToNative: Subject = new NativePeerSubject({
  name: 'EntropyNet shm Node.js to C++',
  isExtra: false,
  start: ({ program }, folder, endpoint) => ({ command: program, options: ['peer', folder, endpoint] }),
  missing: () => undefined,
});

export const nodeToPython: Subject = new NativePeerSubject({
  name: 'EntropyNet shm Node.js to Python',
  isExtra: true,
  start: ({ library, python }, folder, endpoint) => ({
    command: 'python3',
    options: [fileURLToPath(new URL('../../native/native_peer.py', import.meta.url)), folder, endpoint],
    environment: { PYTHONPATH: python, PYTHONDONTWRITEBYTECODE: '1', ENTROPYNET_LIBRARY: library },
  }),
  missing: () => (spawnSync('python3', ['--version']).status === 0 ? undefined : 'there is no python3'),
});
