import { lstatSync } from 'node:fs';
import { ok, type Result } from '@entropynet/core';
import { isSystemError, type NativeBinding } from '../native-binding.js';
import { failureAt } from '../system-failures.js';
import { readDiscoveryRegion } from './discovery-region.js';
import { type ServerNames, SOCKETS_ARE_FILES } from './names.js';

/** The answer to the question if a living server has these names. */
export type Liveness =
  | { readonly isLiving: false }
  | {
      readonly isLiving: true;
      /** Undefined if it is not known, as in another PID namespace. */
      readonly processId: number | undefined;
    };

/**
 * Asks the system if a living server has these names. The caller holds the directory's lock. A server counts as dead
 * only by proof: no process listens at its socket, and none holds the lock of its discovery region, which a server
 * holds as long as it lives. Servers of version 0.1.0 hold no such lock, so for them the socket decides. On Windows no
 * server of that version exists and the lock alone decides, because a pipe's name ends with its last connection and is
 * no evidence about the server. If the system gives no answer, for example because it has no descriptor left, that is a
 * failure and proves nothing.
 * @param socketsAreFiles whether the name of a socket is a file, which stays after the server has gone
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
 * Whether the lock is no evidence. Other users who may read the file can lock it after its server died, to keep the
 * next server out. On Linux a socket that refuses is enough evidence, because the caller holds the directory's lock.
 */
function mayGuestsLock({ region }: ServerNames): boolean {
  if (process.platform !== 'linux') return false;
  const status = lstatSync(region, { throwIfNoEntry: false });
  return status !== undefined && (status.mode & OTHERS_MAY_ALL) !== 0;
}

const OTHERS_MAY_ALL = 0o077;

/** The answer of a socket. `isRefused`: its name exists, and no process listens. */
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
    // The lock decides. macOS gives ECONNREFUSED for a full queue, and ENOTCONN if the other end was closed at once.
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTCONN')
      return ok({ isLiving: false, isRefused: code === 'ECONNREFUSED' });
    return failureAt(names.socket, `the system does not say whether a server listens at ${names.socket}`, error);
  }
}

/**
 * Whether a process holds the lock of a discovery region now. False also if the system gives no answer, so false is no
 * proof.
 */
export function isLocked(binding: NativeBinding, regionPath: string): boolean {
  try {
    return binding.isFileLocked(regionPath);
  } catch {
    // The server removed its names meanwhile, or there is no descriptor left.
    return false;
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

/** Returns the process id that the server wrote. It is only for people. */
function processInRegion(names: ServerNames): number | undefined {
  const identity = readDiscoveryRegion(names.region, process.geteuid?.() ?? 0);
  return identity.ok ? identity.value.processId : undefined;
}
