import { redactEndpoint } from '../result/redact.js';
import { err, OK, type Result } from '../result/result.js';
import type { PeerLimits } from '../wire/peer-limits.js';
import type { LoopbackPipe } from './loopback-pipe.js';

/** Both pipes of a link, from one side's point of view. */
export interface LoopbackLink {
  readonly incoming: LoopbackPipe;
  readonly outgoing: LoopbackPipe;
  readonly peerLimits: PeerLimits;
}

/** The part of a server that a client uses. */
export interface LoopbackListener {
  /** Offers the server's side of a link, with the client's secret. Returns the server's limits if it accepts. */
  offer(link: LoopbackLink, secret: string | undefined): Result<PeerLimits>;
}

const listeners = new Map<string, LoopbackListener>();

/** The name inside `loopback://name`, or the bare name. */
export function loopbackNameOf(endpoint: string): string {
  return endpoint.replace(/^loopback:\/\//i, '');
}

/** The same name, made printable for errors. */
export function shownLoopbackNameOf(endpoint: string): string {
  return loopbackNameOf(redactEndpoint(endpoint));
}

export function findLoopbackServer(name: string): LoopbackListener | undefined {
  return listeners.get(name);
}

/** Registers a server. `AddressInUse`: another server has the name of that endpoint. */
export function registerLoopbackServer(endpoint: string, listener: LoopbackListener): Result {
  const name = loopbackNameOf(endpoint);
  if (listeners.has(name)) {
    const shown = shownLoopbackNameOf(endpoint);
    return err('AddressInUse', `a loopback server named '${shown}' listens in this process already`);
  }
  listeners.set(name, listener);
  return OK;
}

export function unregisterLoopbackServer(name: string, listener: LoopbackListener): void {
  if (listeners.get(name) === listener) listeners.delete(name);
}
