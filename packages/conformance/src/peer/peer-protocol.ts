import type { PeerActions } from './peer-actions.js';

/** A request to a peer. */
export interface PeerRequest {
  /** The number of the request. The reply has the same. */
  readonly id: number;
  /** The name of a method of the peer's actions. */
  readonly action: string;
  /** Plain data. */
  readonly args: readonly unknown[];
}

export type PeerReply =
  { readonly id: number; readonly value: unknown } | { readonly id: number; readonly failure: string };

/** The message of a peer that is ready for requests. */
export const PEER_READY = 'ready';

/** Runs one request. An exception of an action becomes part of the reply. */
export async function runRequest(actions: PeerActions, { id, action, args }: PeerRequest): Promise<PeerReply> {
  try {
    const run = Reflect.get(actions, action) as (...values: unknown[]) => Promise<unknown>;
    return { id, value: await run.apply(actions, [...args]) };
  } catch (failure) {
    return { id, failure: (failure as Partial<Error> | undefined)?.stack ?? String(failure) };
  }
}

/** In a forked process: runs the parent's requests until the parent has gone. */
export function serveParent(actions: PeerActions): void {
  process.on('message', (request: PeerRequest) => {
    void runRequest(actions, request).then((reply) => process.send?.(reply));
  });
  // The peer ends with its parent.
  process.on('disconnect', () => process.exit(0));
  process.send!(PEER_READY);
}
