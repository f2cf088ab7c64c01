import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { err, type Failure, type NetworkErrorCode } from '@entropynet/core';
import { isSystemError, messageOf } from './native-binding.js';

/** What the system has run out of, and what a person can do about it. */
const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptor left: close some, or raise "ulimit -n"',
  ENFILE: 'the system has no file descriptor left',
  ENOMEM:
    'there is no memory, address space or mapping left: choose a smaller sharedMemory.regionSize or maxMessageSize, or raise "ulimit -v"',
  ENOSPC: 'the file system is full',
  EFBIG: 'a file of this process may not be that large: choose a smaller sharedMemory.regionSize, or raise "ulimit -f"',
  EDQUOT: "this user's quota on the file system is full",
};

/** What the system forbids. */
const HINDRANCES: Readonly<Record<string, string>> = {
  EACCES: 'this user is not allowed to use it: check its owner and mode',
  EPERM: 'this user is not allowed to use it, or a sandbox forbids it',
  EROFS: 'the file system is read-only: choose another sharedMemory.directory',
  EBUSY: 'something else uses it',
  EISDIR: 'a directory is in the way: remove it',
  ENOTDIR: 'a file is in the way: remove it',
  ELOOP: 'a link is in the way, and links are not followed: remove it',
  ENXIO: 'something that is not a file is in the way: remove it',
  ERR_ACCESS_DENIED: 'the permission model of Node.js forbids it: add --allow-fs-read and --allow-fs-write for it',
  ENOSYS: 'this system does not support this call',
  ERR_FS_EISDIR: 'a directory is in the way: remove it',
};

/** What V8 says where it finds no memory for an `ArrayBuffer`. It has no code, and its class also stands for mistakes. */
const NO_MEMORY = 'Array buffer allocation failed';

/** Whether there was too little of something, rather than a prohibition. */
export function isShortage(error: unknown): boolean {
  return codeOf(error) in SHORTAGES;
}

/** What the system said, and what a person can do about it. */
export function describeSystemError(error: unknown): string {
  return withAdvice(messageOf(error), codeOf(error));
}

/** The same, where only the name of the system's error is known. */
export function describeCode(code: string): string {
  return withAdvice(code, code);
}

function withAdvice(text: string, code: string): string {
  const advice = SHORTAGES[code] ?? HINDRANCES[code];
  return advice === undefined ? text : `${text} (${advice})`;
}

function codeOf(error: unknown): string {
  if (isSystemError(error)) return error.code;
  return messageOf(error) === NO_MEMORY ? 'ENOMEM' : '';
}

/**
 * The failure of something that was to be done at `path`: `ResourceLimitExceeded` where there was too little of something,
 * else `fallback`.
 */
export function failureAt(
  path: string,
  what: string,
  error: unknown,
  fallback: NetworkErrorCode = 'SharedMemoryPermission',
): Failure {
  const isFull = isSystemError(error) && error.code === 'ENOSPC';
  const room = isFull ? roomAt(dirname(path)) : '';
  return err(
    isShortage(error) ? 'ResourceLimitExceeded' : fallback,
    `${what}: ${describeSystemError(error)}${room}`,
    error,
  );
}

/** How much is left where something did not fit. */
function roomAt(directory: string): string {
  try {
    const { bavail, bsize, ffree } = statfsSync(directory);
    return `; ${directory} has ${bavail * bsize} bytes and ${ffree} file entries free, a server needs ${2 * bsize} bytes and 3 entries`;
  } catch {
    return '';
  }
}
