import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { err, ok, type Result } from '@entropynet/core';
import { isSystemError, loadNativeBinding } from '../native-binding.js';
import { describeSystemError, failureAt } from '../system-failures.js';
import { foreignAccess } from './file-access.js';
import { grantResult, GuestRight, type Guests } from './guests.js';

/** What of a configuration says where servers are found. */
interface DirectoryConfig {
  readonly directory?: string | undefined;
}

const OTHERS_MAY_WRITE = 0o022;
const OWNER_MAY_ALL = 0o700;
const ALL_RIGHTS = 0o7777;
const DEFAULT_OVERFLOW_USER_ID = 65_534;

/**
 * Where servers of this user are found: what the configuration says, else the user's run-time directory, else a folder
 * of this user in the system's temporary directory. An absolute path: a relative one starts from the working directory of
 * this moment, whatever becomes of that afterwards.
 */
export function discoveryDirectory(config: DirectoryConfig, userId: number): string {
  if (config.directory !== undefined) return resolve(config.directory);
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return resolve(runtime === undefined || runtime === '' ? inTemporaryDirectory(userId) : join(runtime, 'entropynet'));
}

/** The other directories in which a server of this user may be found that has another environment than this process. */
export function otherDirectories(directory: string, userId: number): string[] {
  const usual = [discoveryDirectory({}, userId), `/run/user/${userId}/entropynet`, inTemporaryDirectory(userId)];
  return [...new Set(usual.map((each) => resolve(each)))].filter((each) => each !== directory && existsSync(each));
}

function inTemporaryDirectory(userId: number): string {
  return join(tmpdir(), `entropynet-${userId}`);
}

/** For servers: makes the directory, for this user alone, where it is missing, checks it, and lets guests enter it. */
export function prepareDirectory(directory: string, userId: number, guests?: Guests): Result {
  const made: string[] = [];
  try {
    makeDirectory(directory, made);
  } catch (error) {
    const what = `the directory ${directory} could not be created`;
    if (!isSystemError(error) || error.code !== 'ENOENT') return failureAt(directory, what, error);
    // Only a file system without files of its own says so where the folder above is there.
    const above = existingAbove(directory);
    const advice = `no directory can be created in ${above} (ENOENT): choose another sharedMemory.directory`;
    return err('SharedMemoryPermission', `${what}: ${advice}`, error);
  }
  const checked = checkOwnDirectory(directory, userId);
  return checked.ok && guests !== undefined ? letIn(guests, new Set([...made, directory])) : checked;
}

/** Guests have to pass the directories above that this server has made, too. It leaves others as they are. */
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
    // Somebody has removed it since.
    return failureAt(directory, `the directory ${directory} could not be read`, error);
  }
  return err('SharedMemoryPermission', `this user may not use its own directory ${directory}: run "chmod 700" on it`);
}

/** The nearest directory above that is there. */
function existingAbove(directory: string): string {
  const parent = dirname(directory);
  return existsSync(parent) || parent === directory ? parent : existingAbove(parent);
}

/**
 * Makes a directory and those above it that are missing, each for this user alone. Not by Node.js's recursive form: the
 * umask cuts the modes that it gives, and it tries for ever where a directory can't be made, as below `/proc`.
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
  // The umask may take rights from its owner too.
  if ((lstatSync(directory).mode & OWNER_MAY_ALL) !== OWNER_MAY_ALL) chmodSync(directory, OWNER_MAY_ALL);
}

/**
 * For both sides, before anything inside is trusted: a real directory of that user, usually this process's, that nobody else
 * may write to. `TransportUnavailable`: there is none.
 * @param remedy what to do where it is another user's, as the end of the sentence
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
  // Whether another user's number is its own was asked where the configuration was read.
  return isThisUser(userId) && userId === overflowUserId() ? proveOwnership(directory, status.mode) : ok();
}

/** Whether it is the user that this process acts for. */
function isThisUser(userId: number): boolean {
  return userId === (process.geteuid?.() ?? userId);
}

/** For errors. */
export function describeUser(userId: number): string {
  return isThisUser(userId) ? `this user (${userId})` : `user ${userId}`;
}

/** What `checkDirectory` asks where modes say nothing. */
function checkAccess(directory: string): Result {
  try {
    const foreign = foreignAccess(directory);
    return foreign === undefined ? ok() : err('SharedMemoryPermission', `the directory ${directory} ${foreign}`);
  } catch (error) {
    return failureAt(directory, `the access list of the directory ${directory} could not be read`, error);
  }
}

/**
 * In a user namespace every user that has no number there reads as one and the same. The kernel itself goes by the real
 * ones: it lets nobody but the owner change a mode, even to what it is.
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

/** What a user without a number reads as. */
function overflowUserId(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
  } catch {
    return DEFAULT_OVERFLOW_USER_ID;
  }
}
