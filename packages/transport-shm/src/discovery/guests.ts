import { chmodSync, chownSync, lstatSync, readFileSync } from 'node:fs';
import { err, NetworkError, ok, printable, type Result } from '@entropynet/core';
import { isSystemError, type LocalSocket, type NativeBinding, type PeerCredentials } from '../native-binding.js';
import type { SharedMemoryConfig } from '../shared-memory-options.js';
import { describeSystemError, failureAt } from '../system-failures.js';
import { isOfUser } from './peer-process.js';

/** The users and groups, by number, whose processes a server admits in addition to those of its own user. */
export interface Guests {
  readonly users: Uint32Array;
  readonly groups: Uint32Array;
}

/**
 * The rights of guests on a file of the server, each as one digit of a mode: enter the directory, read the region,
 * connect.
 */
export const GuestRight = { Enter: 0o1, Read: 0o4, Connect: 0o2 } as const;
export type GuestRight = (typeof GuestRight)[keyof typeof GuestRight];

type Kind = 'user' | 'group';

/** The number of all users and groups that have no number in a user namespace. */
const OVERFLOW_ID = 65_534;

/** A map that gives every number of the machine its own number. */
const WHOLE_MAP = /^\s*0\s+0\s+4294967295\s*$/;

/**
 * Returns the guests of a server; undefined if it has none. `InvalidParameter`, `NotSupported`,
 * `SharedMemoryPermission`.
 */
export function guestsOf(binding: NativeBinding, config: SharedMemoryConfig): Result<Guests | undefined> {
  const { allowedUsers, allowedGroups, directory } = config;
  if (allowedUsers.length === 0 && allowedGroups.length === 0) return ok(undefined);
  const users = idsOf(binding, 'user', allowedUsers, 'allowedUsers');
  if (!users.ok) return users;
  const groups = idsOf(binding, 'group', allowedGroups, 'allowedGroups');
  if (!groups.ok) return groups;
  if (directory === undefined) return needsDirectory(allowedUsers.length > 0 ? 'allowedUsers' : 'allowedGroups');
  return ok({ users: users.value, groups: groups.value });
}

/** Returns the user that a server must run as: the one in the configuration, otherwise `ownUserId`. */
export function serverUserOf(binding: NativeBinding, config: SharedMemoryConfig, ownUserId: number): Result<number> {
  const { serverUser, directory } = config;
  if (serverUser === undefined) return ok(ownUserId);
  const ids = idsOf(binding, 'user', [serverUser], 'serverUser');
  if (!ids.ok) return ids;
  const [id = ownUserId] = ids.value;
  return id !== ownUserId && directory === undefined ? needsDirectory('serverUser') : ok(id);
}

function needsDirectory(option: string): Result<never> {
  return err(
    'InvalidParameter',
    `sharedMemory.${option} needs sharedMemory.directory: the default directory is for one user, and other users look elsewhere`,
  );
}

function idsOf(
  binding: NativeBinding,
  kind: Kind,
  given: readonly (string | number)[],
  option: string,
): Result<Uint32Array> {
  const ids: number[] = [];
  for (const each of given) {
    const id = idOf(binding, kind, each, option);
    if (!id.ok) return id;
    ids.push(id.value);
  }
  return ok(Uint32Array.from(new Set(ids)));
}

function idOf(binding: NativeBinding, kind: Kind, given: string | number, option: string): Result<number> {
  const find = kind === 'user' ? binding.userIdOf : binding.groupIdOf;
  if (find === undefined) {
    return err(
      'NotSupported',
      `sharedMemory.${option} can't be used on ${process.platform}: processes of other users can't be let in there`,
    );
  }
  let id: number | null;
  try {
    id = typeof given === 'number' ? given : find(given);
  } catch (error) {
    return err(
      'SharedMemoryPermission',
      `the ${kind} '${printable(given)}' of sharedMemory.${option} could not be looked up (${describeSystemError(error)}): give its number`,
      error,
    );
  }
  if (id === null) {
    return err(
      'InvalidParameter',
      `this system has no ${kind} '${printable(given)}', which sharedMemory.${option} names: name one that it has, or give a number`,
    );
  }
  if (!isAmbiguous(kind, id)) return ok(id);
  return err(
    'SharedMemoryPermission',
    `${kind} ${id} of sharedMemory.${option} stands for every ${kind} without a number in this user namespace: map the ${kind} that is meant`,
  );
}

/** Whether a number stands for several users or groups in this user namespace. */
function isAmbiguous(kind: Kind, id: number): boolean {
  const initial = kind === 'user' ? 'u' : 'g';
  try {
    if (id !== Number(readFileSync(`/proc/sys/kernel/overflow${initial}id`, 'utf8'))) return false;
    return !WHOLE_MAP.test(readFileSync(`/proc/self/${initial}id_map`, 'utf8'));
  } catch {
    // On Linux without /proc the map is unknown. Other systems have no user namespaces.
    return process.platform === 'linux' && id === OVERFLOW_ID;
  }
}

/**
 * Gives guests one right on a file of this user. It uses an access list, which names exactly them. If the file system
 * has no access lists and there is only one group, it uses the file's group. Throws the system's error, or a
 * `NetworkError`.
 */
export function grant(binding: NativeBinding, guests: Guests, path: string, right: GuestRight): void {
  const { mode, gid } = lstatSync(path);
  const { users, groups } = guests;
  try {
    if (binding.grantAccess !== undefined) {
      binding.grantAccess(path, mode & 0o7777, users, groups, right);
      return;
    }
  } catch (error) {
    if (!isSystemError(error) || !NO_ACCESS_LISTS.has(error.code)) throw error;
  }
  const [group] = groups;
  if (users.length > 0 || groups.length !== 1 || group === undefined) {
    throw new NetworkError(
      'NotSupported',
      `${path} can't be opened to several users or groups, because its file system keeps no access lists that EntropyNet can write: allow one group (sharedMemory.allowedGroups), or choose another directory`,
    );
  }
  if (gid !== group && (mode & 0o070) !== 0) {
    throw new NetworkError(
      'SharedMemoryPermission',
      `${path} is open to group ${gid} already and can't be opened to group ${group} as well: choose another directory`,
    );
  }
  if (gid !== group) chownSync(path, -1, group);
  chmodSync(path, (mode & 0o7777) | (right << 3));
}

const NO_ACCESS_LISTS = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Like `grant`, with the failure as a result. */
export function grantResult(binding: NativeBinding, guests: Guests, path: string, right: GuestRight): Result {
  try {
    grant(binding, guests, path, right);
    return ok();
  } catch (error) {
    if (error instanceof NetworkError) return { ok: false, error };
    return failureAt(
      path,
      `${path} could not be opened to other users (sharedMemory.allowedUsers, allowedGroups)`,
      error,
    );
  }
}

/** Whether the process at the other end of `socket` may connect: it is of this user, or a guest. */
export function mayConnect(
  socket: LocalSocket,
  client: PeerCredentials,
  ownUserId: number,
  guests: Guests | undefined,
): boolean {
  if (isOfUser(client, ownUserId)) return true;
  if (guests === undefined) return false;
  const { users, groups } = guests;
  if (users.includes(client.userId) || groups.includes(client.groupId)) return true;
  return groups.length > 0 && socket.peerGroups?.().some((group) => groups.includes(group)) === true;
}
