import { fileURLToPath } from 'node:url';
import { forkPeer, type PeerHost, peerInProcess, type PeerModule } from '@entropynet/conformance/tools';
import type { FaultPeerActions } from './fault-peer-actions.js';
import { steppedTransport } from './stepped-transport.js';

/** The options for starting the process. */
export interface FaultPeerOptions {
  /** Whether it uses shared memory that can be stopped or killed at a step (`FaultPeerActions.armStep`). */
  readonly hasSteps?: boolean;
  /** A command and its options before Node.js: for another user, another namespace or a limit. */
  readonly wrapper?: readonly [string, ...string[]];
}

/** A process with the actions of the suite's peers, which also fails in more ways. */
export type FaultPeerHost = PeerHost<FaultPeerActions>;

export async function startFaultPeer(module: PeerModule, options: FaultPeerOptions = {}): Promise<FaultPeerHost> {
  const { hasSteps = false, wrapper = [] } = options;
  const [command, ...prefix] = [...wrapper, process.execPath] as [string, ...string[]];
  const program = fileURLToPath(new URL('fault-peer-process.js', import.meta.url));
  return await peerInProcess<FaultPeerActions>(
    forkPeer(hasSteps ? steppedTransport() : module, program, command, prefix),
  );
}
