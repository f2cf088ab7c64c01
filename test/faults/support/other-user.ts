import { chownSync } from 'node:fs';
import type { FaultPeerOptions } from './fault-peer.js';

/** Another user, without privileges. The number is Debian's `nobody`, but any other works too. */
export const OTHER_USER = 65_534;

/** Starts a process as the other user. A second wrapper follows the first one. */
export function asOtherUser(...wrapper: readonly string[]): FaultPeerOptions {
  const switchUser = ['setpriv', `--reuid=${OTHER_USER}`, `--regid=${OTHER_USER}`, '--clear-groups'] as const;
  return { wrapper: [...switchUser, ...wrapper] };
}

/** Gives a file or a folder to the other user. */
export function giveToOtherUser(path: string): void {
  chownSync(path, OTHER_USER, OTHER_USER);
}
