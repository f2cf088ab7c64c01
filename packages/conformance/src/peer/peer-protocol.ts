import type { PeerActions } from './peer-actions.js';

/** What a peer is asked. */
export interface PeerRequest {
  /** The reply has the same. */
  readonly id: number;
  /** The name of a method of the peer's actions. */
  readonly action: string;
  /** Plain data. */
  readonly args: readonly unknown[];
}

export type PeerReply =
  { readonly id: number; readonly value: unknown } | { readonly id: number; readonly failure: string };

/** What a peer says once it can be asked. */
export const PEER_READY = 'ready';

/** Runs one request; what an action throws becomes part of the reply. */
export async function runRequest(actions: PeerActions, { id, action, args }: PeerRequest): Promise<PeerReply> {
  try {
    const run = Reflect.get(actions, action) as (...values: unknown[]) => Promise<unknown>;
    return { id, value: await run.apply(actions, [...args]) };
  } catch (failure) {
    return { id, failure: (failure as Partial<Error> | undefined)?.stack ?? String(failure) };
  }
}

/** In a forked process: does what the parent asks until the parent is gone. */
export function serveParent(actions: PeerActions): void {
  process.on('message', (request: PeerRequest) => {
    void runRequest(actions, request).then((reply) => process.send?.(reply));
  });
  // A parent that died leaves no peer behind.
  process.on('disconnect', () => process.exit(0));
  process.send!(PEER_READY);
}
