import type { PeerActions } from './peer-actions.js';

/** The name of an action. */
export type ActionName = keyof PeerActions;

export interface PeerRequest {
  readonly id: number;
  readonly action: ActionName;
  readonly args: readonly unknown[];
}

export type PeerReply =
  { readonly id: number; readonly value: unknown } | { readonly id: number; readonly failure: string };

/** What a peer says once it can be asked. */
export const PEER_READY = 'ready';

/** Runs one request; what an action throws becomes part of the reply. */
export async function runRequest(actions: PeerActions, { id, action, args }: PeerRequest): Promise<PeerReply> {
  try {
    const run = actions[action] as (...values: unknown[]) => Promise<unknown>;
    return { id, value: await run.apply(actions, [...args]) };
  } catch (failure) {
    return { id, failure: failure instanceof Error ? (failure.stack ?? failure.message) : String(failure) };
  }
}
