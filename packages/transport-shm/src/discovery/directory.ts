import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { err, ok, type Result } from '@entropynet/core';
import { isSystemError, loadNativeBinding, type NativeBinding } from '../native-binding.js';
import { now, setTimeout } from '../platform-time.js';
import { describeSystemError, failureAt } from '../system-failures.js';
import { foreignAccess } from './file-access.js';
import { grantResult, GuestRight, type Guests } from './guests.js';

/**
 * The pause between two attempts for the lock, in milliseconds. Another server holds it for a fraction of a
 * millisecond.
 */
const LOCK_RETRY_MS = 2;

/** The parts of a configuration that choose the directory of the servers. */
interface DirectoryConfig {
  readonly directory?: string | undefined;
}

const OTHERS_MAY_WRITE = 0o022;
const OWNER_MAY_ALL = 0o700;
const ALL_RIGHTS = 0o7777;
const DEFAULT_OVERFLOW_USER_ID = 65_534;

/**
 * Returns the directory of this user's servers: that of the configuration, or the user's run-time directory, or a
 * folder of this user in the system's temporary directory. The path is absolute: a relative one starts from the present
 * working directory, even if that changes later.
 */
export function discoveryDirectory(config: DirectoryConfig, userId: number): string {
  if (config.directory !== undefined) return resolve(config.directory);
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return resolve(runtime === undefined || runtime === '' ? inTemporaryDirectory(userId) : join(runtime, 'entropynet'));
}

/**
 * Returns the other directories that a server of this user may use if its environment differs from that of this
 * process.
 */
export function otherDirectories(directory: string, userId: number): string[] {
  const usual = [discoveryDirectory({}, userId), `/run/user/${userId}/entropynet`, inTemporaryDirectory(userId)];
  return [...new Set(usual.map((each) => resolve(each)))].filter((each) => each !== directory && existsSync(each));
}

function inTemporaryDirectory(userId: number): string {
  return join(tmpdir(), `entropynet-${userId}`);
}

/** For servers: makes the directory for this user alone if it is missing, checks it, and gives guests access. */
export function prepareDirectory(directory: string, userId: number, guests?: Guests): Result {
  const made: string[] = [];
  try {
    makeDirectory(directory, made);
  } catch (error) {
    const what = `the directory ${directory} could not be created`;
    if (!isSystemError(error) || error.code !== 'ENOENT') return failureAt(directory, what, error);
    // A file system without files of its own gives this error although the directory above exists.
    const above = existingAbove(directory);
    const advice = `no directory can be created in ${above} (ENOENT): choose another sharedMemory.directory`;
    return err('SharedMemoryPermission', `${what}: ${advice}`, error);
  }
  const checked = checkOwnDirectory(directory, userId);
  return checked.ok && guests !== undefined ? letIn(guests, new Set([...made, directory])) : checked;
}

/**
 * Gives guests access to the directory, and to the directories above that this server has made. It does not change
 * others.
 */
function letIn(guests: Guests, directories: ReadonlySet<string>): Result {
  const native = loadNativeBinding();
  if (!native.ok) return native;
  for (const directory of directories) {
    const granted = grantResult(native.value, guests, directory, GuestRight.Enter);
    if (!granted.ok) return granted;
  }
  return ok();
}

function checkOwnDirectory(directory: string, userId: number): Result {
  const checked = checkDirectory(directory, userId);
  // The superuser needs no mode.
  if (!checked.ok || process.platform === 'win32' || userId === 0) return checked;
  try {
    if ((lstatSync(directory).mode & OWNER_MAY_ALL) === OWNER_MAY_ALL) return ok();
  } catch (error) {
    // Another process has removed it since.
    return failureAt(directory, `the directory ${directory} could not be read`, error);
  }
  return err('SharedMemoryPermission', `this user may not use its own directory ${directory}: run "chmod 700" on it`);
}

/** Returns the nearest directory above that exists. */
function existingAbove(directory: string): string {
  const parent = dirname(directory);
  return existsSync(parent) || parent === directory ? parent : existingAbove(parent);
}

/**
 * Makes a directory and the missing ones above it, each for this user alone. It does not use the recursive form of
 * Node.js: the umask reduces the modes of that form, and it never ends if a directory can't be made, as below `/proc`.
 */
function makeDirectory(directory: string, made: string[]): void {
  try {
    makeOneDirectory(directory, made);
  } catch (error) {
    const parent = dirname(directory);
    if (!isSystemError(error) || error.code !== 'ENOENT' || parent === directory || existsSync(parent)) throw error;
    makeDirectory(parent, made);
    makeOneDirectory(directory, made);
  }
}

function makeOneDirectory(directory: string, made: string[]): void {
  try {
    const native = loadNativeBinding();
    if (native.ok && native.value.makePrivateDirectory !== undefined) native.value.makePrivateDirectory(directory);
    else mkdirSync(directory, { mode: OWNER_MAY_ALL });
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return;
    throw error;
  }
  made.push(directory);
  // The umask may also remove rights of the owner.
  if ((lstatSync(directory).mode & OWNER_MAY_ALL) !== OWNER_MAY_ALL) chmodSync(directory, OWNER_MAY_ALL);
}

/**
 * Checks a directory, for both sides, before they trust its files: it must be a real directory of that user, usually
 * the user of this process, and no other user may write to it. `TransportUnavailable`: it does not exist.
 * @param remedy the end of the error's sentence, with the advice if it is another user's
 */
export function checkDirectory(directory: string, userId: number, remedy = ''): Result {
  let status: Stats;
  try {
    status = lstatSync(directory);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') {
      return err('TransportUnavailable', `the directory ${directory} does not exist: no server has run there`, error);
    }
    return failureAt(directory, `the directory ${directory} could not be read`, error);
  }
  if (!status.isDirectory()) {
    return err('SharedMemoryPermission', `${directory} is not a directory (links are not followed)`);
  }
  if (process.platform === 'win32') return checkAccess(directory);
  if (status.uid !== userId) {
    return err(
      'SharedMemoryPermission',
      `the directory ${directory} belongs to user ${status.uid}, not to ${describeUser(userId)}${remedy}`,
    );
  }
  if ((status.mode & OTHERS_MAY_WRITE) !== 0) {
    return err('SharedMemoryPermission', `other users may write to the directory ${directory}: run "chmod 700" on it`);
  }
  // `guests.ts` has asked whether another user's number is unique, when it read the configuration.
  return isThisUser(userId) && userId === overflowUserId() ? proveOwnership(directory, status.mode) : ok();
}

/** Whether it is the present user of this process. */
function isThisUser(userId: number): boolean {
  return userId === (process.geteuid?.() ?? userId);
}

/** Returns the description of a user, for errors. */
export function describeUser(userId: number): string {
  return isThisUser(userId) ? `this user (${userId})` : `user ${userId}`;
}

/** The part of `checkDirectory` for systems without file modes. */
function checkAccess(directory: string): Result {
  try {
    const foreign = foreignAccess(directory);
    return foreign === undefined ? ok() : err('SharedMemoryPermission', `the directory ${directory} ${foreign}`);
  } catch (error) {
    return failureAt(directory, `the access list of the directory ${directory} could not be read`, error);
  }
}

/**
 * Proves the owner of a directory. In a user namespace, all users without a number there have one common number. The
 * kernel itself compares the real ones: only the owner may set a mode, even to its present value.
 */
function proveOwnership(directory: string, mode: number): Result {
  try {
    chmodSync(directory, mode & ALL_RIGHTS);
    return ok();
  } catch (error) {
    return err(
      'SharedMemoryPermission',
      `the directory ${directory} can't be shown to be this user's: neither has a number in this user namespace, and ` +
        `changing its mode failed (${describeSystemError(error)}); map the user, or choose another directory`,
      error,
    );
  }
}

/** The number that stands for all users without a number. Read once: each connect asks for it. */
let overflowUser: number | undefined;

function overflowUserId(): number {
  overflowUser ??= readOverflowUserId();
  return overflowUser;
}

function readOverflowUserId(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
  } catch {
    return DEFAULT_OVERFLOW_USER_ID;
  }
}

/**
 * Takes the directory's lock. Returns a descriptor; closing it releases the lock. `Timeout`: another process holds the
 * lock.
 */
export async function lockDirectory(
  binding: NativeBinding,
  directory: string,
  timeoutMs: number,
): Promise<Result<number>> {
  const deadline = now() + timeoutMs;
  for (;;) {
    try {
      return ok(binding.lockDirectory(directory));
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') {
        return failureAt(directory, `the directory ${directory} could not be locked`, error);
      }
      if (now() > deadline) {
        return err(
          'Timeout',
          `the directory ${directory} stayed locked by another process for ${timeoutMs} ms (connectTimeoutMs)`,
          error,
        );
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
  }
}
