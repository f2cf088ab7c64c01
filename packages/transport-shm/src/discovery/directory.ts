import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { err, ok, type Result, type SharedMemoryConfig } from '@entropynet/core';
import { isSystemError } from '../native-binding.js';
import { failureAt } from '../system-failures.js';

const OTHERS_MAY_WRITE = 0o022;

/**
 * Where servers of this user are found: what the configuration says, else the user's run-time directory, else a folder
 * of this user in the system's temporary directory.
 */
export function discoveryDirectory(config: SharedMemoryConfig, userId: number): string {
  if (config.directory !== undefined) return config.directory;
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return runtime === undefined || runtime === '' ? join(tmpdir(), `entropynet-${userId}`) : join(runtime, 'entropynet');
}

/** For servers: makes the directory, for this user alone, where it is missing, and checks it. */
export function prepareDirectory(directory: string, userId: number): Result {
  try {
    makeDirectory(directory);
  } catch (error) {
    return failureAt(directory, `the directory ${directory} could not be made`, error);
  }
  return checkDirectory(directory, userId);
}

function makeDirectory(directory: string): void {
  try {
    // Alone first: Node.js's recursive form says ENOENT for whatever is really in the way.
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const code = isSystemError(error) ? error.code : '';
    if (code === 'ENOENT') mkdirSync(directory, { recursive: true, mode: 0o700 });
    else if (code !== 'EEXIST') throw error;
  }
}

/** For both sides, before anything inside is trusted: a real directory of this user that nobody else may write to. */
export function checkDirectory(directory: string, userId: number): Result {
  let status: Stats;
  try {
    status = lstatSync(directory);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') {
      return err(
        'SharedMemoryNotAvailable',
        `no server has run here: the directory ${directory} does not exist`,
        error,
      );
    }
    return failureAt(directory, `the directory ${directory} could not be read`, error);
  }
  if (!status.isDirectory()) {
    return err('SharedMemoryPermission', `${directory} is not a directory (links are not followed)`);
  }
  if (process.platform === 'win32') return ok();
  if (status.uid !== userId) {
    return err(
      'SharedMemoryPermission',
      `the directory ${directory} belongs to user ${status.uid}, not to this user (${userId})`,
    );
  }
  if ((status.mode & OTHERS_MAY_WRITE) !== 0) {
    return err('SharedMemoryPermission', `other users may write to the directory ${directory}: run "chmod 700" on it`);
  }
  return ok();
}
