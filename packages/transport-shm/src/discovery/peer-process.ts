import type { ConnectionPeer } from '@entropynet/core';
import type { PeerCredentials } from '../native-binding.js';

/** On Windows users and groups have no numbers, and the addon gives zeros for them. */
const HAS_NUMBERED_USERS = process.platform !== 'win32';

/** Whether the process at the other end acts for this user, whose number is `thisUserId`. */
export function isOfUser({ userId, isSameUser }: PeerCredentials, thisUserId: number): boolean {
  return HAS_NUMBERED_USERS ? userId === thisUserId : isSameUser === true;
}

/**
 * What the kernel says of the process at the other end, in the shape of `connection.peer`. What it does not know is left out:
 * the process, where that is of another namespace.
 */
export function peerOf({ processId, userId, groupId }: PeerCredentials): ConnectionPeer {
  return Object.freeze({
    ...(processId !== 0 && { process: processId }),
    ...(HAS_NUMBERED_USERS && { user: userId, group: groupId }),
  });
}
