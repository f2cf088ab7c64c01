import { lstatSync } from 'node:fs';
import { ok, type Result } from '@entropynet/core';
import { isSystemError, type NativeBinding } from '../native-binding.js';
import { failureAt } from '../system-failures.js';
import { readDiscoveryRegion } from './discovery-region.js';
import { type ServerNames, SOCKETS_ARE_FILES } from './names.js';

/** Whether a server lives that has these names. */
export type Liveness =
  | { readonly isLiving: false }
  | {
      readonly isLiving: true;
      /** Undefined where it is not known, as in another process namespace. */
      readonly processId: number | undefined;
    };

/**
 * Asks the system whether a server has these names, with the directory's lock held. A server is dead only by proof: nobody
 * listens at its socket, and nobody holds the lock of its discovery region, which a server keeps for life. Servers of
 * version 0.1.0 hold no such lock; for them the socket decides. On Windows, where none of that version has run, the lock
 * decides alone: a pipe's name ends with its last connection, and says nothing of the server. A question that the system
 * does not answer, because it has no descriptor for instance, is a failure and proves nothing.
 * @param socketsAreFiles whether the name of a socket is a file, which stays when its server has gone
 */
export function askWhetherServed(
  binding: NativeBinding,
  names: ServerNames,
  socketsAreFiles = SOCKETS_ARE_FILES,
): Result<Liveness> {
  if (!socketsAreFiles) return askLock(binding, names);
  const listening = askSocket(binding, names);
  if (!listening.ok || listening.value.isLiving) return listening;
  return listening.value.isRefused && mayGuestsLock(names) ? ok({ isLiving: false }) : askLock(binding, names);
}

/**
 * Whether the lock proves nothing: other users who may read the file can lock it once its server is dead, and keep the next
 * one out. On Linux a socket that refuses is proof by itself, with the directory's lock held.
 */
function mayGuestsLock({ region }: ServerNames): boolean {
  if (process.platform !== 'linux') return false;
  const status = lstatSync(region, { throwIfNoEntry: false });
  return status !== undefined && (status.mode & OTHERS_MAY_ALL) !== 0;
}

const OTHERS_MAY_ALL = 0o077;

/** What a socket says; `isRefused`: its name is there, and nobody listens. */
type Answer = Exclude<Liveness, { isLiving: false }> | { readonly isLiving: false; readonly isRefused: boolean };

function askSocket(binding: NativeBinding, names: ServerNames): Result<Answer> {
  try {
    const socket = binding.LocalSocket.connect(names.socket);
    try {
      const { processId } = socket.peerCredentials();
      return ok({ isLiving: true, processId: processId === 0 ? undefined : processId });
    } finally {
      socket.close();
    }
  } catch (error) {
    const code = isSystemError(error) ? error.code : '';
    // Its queue is full: it lives.
    if (code === 'EAGAIN') return ok({ isLiving: true, processId: processInRegion(names) });
    // The lock decides. macOS says ECONNREFUSED where the queue is full, and ENOTCONN where the other end was closed at once.
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTCONN')
      return ok({ isLiving: false, isRefused: code === 'ECONNREFUSED' });
    return failureAt(names.socket, `the system does not say whether a server listens at ${names.socket}`, error);
  }
}

function askLock(binding: NativeBinding, names: ServerNames): Result<Liveness> {
  try {
    return ok(
      binding.isFileLocked(names.region) ? { isLiving: true, processId: processInRegion(names) } : { isLiving: false },
    );
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return ok({ isLiving: false });
    return failureAt(names.region, `the system does not say whether a server has locked ${names.region}`, error);
  }
}

/** What the server says of itself: for people only. */
function processInRegion(names: ServerNames): number | undefined {
  const identity = readDiscoveryRegion(names.region, process.geteuid?.() ?? 0);
  return identity.ok ? identity.value.processId : undefined;
}
