import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { err, faultOfOptions, ok, resolveOwnConfig, type Result } from '@entropynet/core';
import { sharedMemorySection } from '../shared-memory-options.js';
import { currentUserId, loadNativeBinding, messageOf } from '../native-binding.js';
import { failureAt } from '../system-failures.js';
import { checkDirectory, discoveryDirectory, lockDirectory } from './directory.js';
import { askWhetherServed } from './liveness.js';
import { FILE_OF_SERVER, namesOfStem } from './names.js';

/** Options of `removeLeftovers`. */
export interface LeftoverOptions {
  /** The directory of the servers. @default the default of `sharedMemory.directory` */
  readonly directory?: string;
  /** Whether to list the files without removing them. @default false */
  readonly dryRun?: boolean;
  /** How long to wait for a server that is starting or closing, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
}

const OPTIONS = { directory: 'anything', dryRun: 'true or false', timeoutMs: 'a number' } as const;

/** The longest time limit of a timer of the platform, in milliseconds. */
const MOST_MS = 2 ** 31 - 1;

/** The outcome of `removeLeftovers`. */
export interface Leftovers {
  /** The directory, as an absolute path. */
  readonly directory: string;
  /** Whether the directory exists. If not, no server has run there, or the servers use another directory. */
  readonly directoryExists: boolean;
  /** The removed files; with `dryRun`, the files that would be removed. */
  readonly removed: readonly string[];
  /** The number of running servers, whose files stay. */
  readonly living: number;
  /** The files that could not be removed, with the reasons. */
  readonly failed: readonly FailedRemoval[];
}

/** A file that stays although its server is dead, or because the state of its server is unknown. */
export interface FailedRemoval {
  /** The path of the file. */
  readonly path: string;
  /** The error of the system. */
  readonly reason: string;
}

/**
 * Removes the sockets and discovery regions of servers that died without removing them. A new server of the same name
 * would remove them, too. It holds the directory's lock meanwhile, so that it never takes a starting server for a dead
 * one. Files with other names stay.
 *
 * `SharedMemoryNotAvailable`: there is no addon. `SharedMemoryPermission`: other users may change the directory.
 * `Timeout`: another process kept the lock for `timeoutMs`.
 */
export async function removeLeftovers(options: LeftoverOptions = {}): Promise<Result<Leftovers>> {
  const fault = faultOfOptions('removeLeftovers()', options, OPTIONS);
  if (fault !== undefined) return { ok: false, error: fault };
  const { dryRun = false, timeoutMs = 5000 } = options;
  if (!(timeoutMs >= 1 && timeoutMs <= MOST_MS))
    return err('InvalidParameter', `'timeoutMs' was given ${timeoutMs}; 1 to ${MOST_MS} is allowed`);
  const config = resolveOwnConfig(
    { endpoint: 'any', sharedMemory: { directory: options.directory } },
    sharedMemorySection,
  );
  if (!config.ok) return config;
  const binding = loadNativeBinding();
  if (!binding.ok) return binding;
  const userId = currentUserId(binding.value);
  const directory = discoveryDirectory(config.value.sharedMemory, userId);
  const checked = checkDirectory(directory, userId);
  if (!checked.ok) {
    // No server has run here: there is nothing to remove.
    const isMissing = checked.error.code === 'TransportUnavailable';
    return isMissing ? ok({ directory, directoryExists: false, removed: [], living: 0, failed: [] }) : checked;
  }
  const lock = await lockDirectory(binding.value, directory, timeoutMs);
  if (!lock.ok) return lock;
  try {
    const removed: string[] = [];
    const failed: FailedRemoval[] = [];
    const servers = groupByServer(readdirSync(directory));
    let living = 0;
    for (const [stem, files] of servers) {
      const paths = files.map((file) => join(directory, file));
      const asked = askWhetherServed(binding.value, namesOfStem(directory, stem));
      if (!asked.ok) {
        // The state of the server is unknown, so its files stay.
        failed.push(...paths.map((path) => ({ path, reason: asked.error.message })));
        continue;
      }
      if (asked.value.isLiving) {
        living += 1;
        continue;
      }
      for (const path of paths) {
        try {
          if (!dryRun) rmSync(path);
          removed.push(path);
        } catch (error) {
          failed.push({ path, reason: messageOf(error) });
        }
      }
    }
    return ok({ directory, directoryExists: true, removed, living, failed });
  } catch (error) {
    return failureAt(directory, `the directory ${directory} could not be read`, error);
  } finally {
    binding.value.closeDescriptor(lock.value);
  }
}

function groupByServer(files: readonly string[]): Map<string, string[]> {
  const servers = new Map<string, string[]>();
  for (const file of [...files].sort()) {
    const stem = FILE_OF_SERVER.exec(file)?.groups?.['stem'];
    if (stem === undefined) continue;
    servers.set(stem, [...(servers.get(stem) ?? []), file]);
  }
  return servers;
}
