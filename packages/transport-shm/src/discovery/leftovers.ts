import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { err, faultOfOptions, ok, resolveOwnConfig, type Result } from '@entropynet/core';
import { sharedMemorySection } from '../shared-memory-options.js';
import { currentUserId, loadNativeBinding, messageOf } from '../native-binding.js';
import { failureAt } from '../system-failures.js';
import { checkDirectory, discoveryDirectory } from './directory.js';
import { askWhetherServed } from './liveness.js';
import { lockDirectory } from './name-claim.js';
import { FILE_OF_SERVER, namesOfStem } from './names.js';

/** Where to look for what dead servers left. */
export interface LeftoverOptions {
  /** The folder where servers are found. @default as `sharedMemory.directory` */
  readonly directory?: string;
  /** Only say what would be removed. @default false */
  readonly dryRun?: boolean;
  /** How long to wait for a server that is taking or giving back a name, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
}

const OPTIONS = { directory: 'anything', dryRun: 'true or false', timeoutMs: 'a number' } as const;

/** The longest time that a timer of the platform holds, in milliseconds. */
const MOST_MS = 2 ** 31 - 1;

/** What was found of servers that are dead. */
export interface Leftovers {
  /** The folder that was looked into, as an absolute path. */
  readonly directory: string;
  /** Whether that folder exists. Where it does not, no server has run there, or servers use another one. */
  readonly directoryExists: boolean;
  /** The files that were removed, or would be. */
  readonly removed: readonly string[];
  /** Servers that live, whose files stay. */
  readonly living: number;
  /** What could not be removed, and why. */
  readonly failed: readonly FailedRemoval[];
}

/** A file that stays although its server is dead, or because the system does not say whether it is. */
export interface FailedRemoval {
  /** Where it is. */
  readonly path: string;
  /** What the system said. */
  readonly reason: string;
}

/**
 * Removes the sockets and discovery regions of servers that died without removing them; a new server of the same name
 * would do it as well. Under the directory's lock, so that no server that is starting is mistaken for a dead one. Files of
 * other names stay, no matter which program made them.
 *
 * `SharedMemoryNotAvailable`: no addon; `SharedMemoryPermission`: the directory is not this user's alone; `Timeout`.
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
        // Nothing is proved: everything stays.
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
