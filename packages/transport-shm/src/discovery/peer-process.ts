import type { ConnectionPeer } from '@entropynet/core';
import type { PeerCredentials } from '../native-binding.js';

/** Users and groups have no numbers on Windows, and the addon gives zeros for them. */
const HAS_NUMBERED_USERS = process.platform !== 'win32';

/** Whether the process at the other end has this user, whose number is `thisUserId`. */
export function isOfUser({ userId, isSameUser }: PeerCredentials, thisUserId: number): boolean {
  return HAS_NUMBERED_USERS ? userId === thisUserId : isSameUser === true;
}

/**
 * Returns the kernel's description of the process at the other end and the text by which its library introduces itself, in
 * the shape of `connection.peer`. It omits unknown values: the process id is unknown if that process is in another PID
 * namespace.
 */
export function peerOf({ processId, userId, groupId }: PeerCredentials, library: string | undefined): ConnectionPeer {
  const peer: { -readonly [Key in keyof ConnectionPeer]: ConnectionPeer[Key] } = {};
  if (library !== undefined) peer.library = library;
  if (processId !== 0) peer.process = processId;
  if (HAS_NUMBERED_USERS) {
    peer.user = userId;
    peer.group = groupId;
  }
  return Object.freeze(peer);
}
