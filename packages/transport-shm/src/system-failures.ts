import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { err, type Failure, type NetworkErrorCode } from '@entropynet/core';
import { isSystemError, messageOf } from './native-binding.js';

/** The resource that ran out, and the advice for a person. */
const SHORTAGES = {
  EMFILE: 'this process has no file descriptor left: close some, or raise "ulimit -n"',
  ENFILE: 'the system has no file descriptor left',
  ENOMEM:
    'there is no memory, address space or mapping left: choose a smaller sharedMemory.regionSize or maxMessageSize, or raise "ulimit -v"',
  ENOSPC: 'the file system is full',
  EFBIG: 'a file of this process may not be that large: choose a smaller sharedMemory.regionSize, or raise "ulimit -f"',
  EDQUOT: "this user's quota on the file system is full",
} satisfies Record<string, string>;

const WATCHES = 'the system watches as many sockets of this user as it may: raise fs.epoll.max_user_watches';

/** `ENOSPC` of calls that use no file system: a lack of memory for a region, or of watches for sockets. */
const NO_SPACE: Readonly<Record<string, string>> = {
  fallocate: SHORTAGES.ENOMEM,
  ftruncate: SHORTAGES.ENOMEM,
  epoll_ctl: WATCHES,
  uv_poll_init: WATCHES,
};

/** The prohibitions of a system, each with its reason or advice. */
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

/**
 * The message of V8 if it finds no memory for an `ArrayBuffer`. The error has no code, and its class also stands for
 * mistakes.
 */
const NO_MEMORY = 'Array buffer allocation failed';

/** Whether the error means a lack of a resource, not a prohibition. */
export function isShortage(error: unknown): boolean {
  return codeOf(error) in SHORTAGES;
}

/** Returns the system's message and the advice for a person. */
export function describeSystemError(error: unknown): string {
  return withAdvice(messageOf(error), codeOf(error), isSystemError(error) ? error.syscall : '');
}

/** The same for an error of which only the code is known, and maybe the call of the system that failed. */
export function describeCode(code: string, call = ''): string {
  return withAdvice(code, code, call);
}

function withAdvice(text: string, code: string, call: string): string {
  const shortages: Readonly<Record<string, string>> = SHORTAGES;
  const advice = (code === 'ENOSPC' ? NO_SPACE[call] : undefined) ?? shortages[code] ?? HINDRANCES[code];
  return advice === undefined ? text : `${text} (${advice})`;
}

function codeOf(error: unknown): string {
  if (isSystemError(error)) return error.code;
  return messageOf(error) === NO_MEMORY ? 'ENOMEM' : '';
}

/**
 * Returns the failure of an operation at `path`: `ResourceLimitExceeded` for a lack of a resource, otherwise
 * `fallback`.
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

/** Returns how much memory is left in a directory, after an operation there did not fit. */
function roomAt(directory: string): string {
  try {
    const { bavail, bsize, ffree } = statfsSync(directory);
    return `; ${directory} has ${bavail * bsize} bytes and ${ffree} file entries free, a server needs ${2 * bsize} bytes and 3 entries`;
  } catch {
    return '';
  }
}
