import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { err, faultOfOptions, ok, resolveOwnConfig, type Result } from '@entropynet/core';
import { sharedMemorySection } from '../shared-memory-options.js';
import { checkDirectory, discoveryDirectory } from '../discovery/directory.js';
import { readDiscoveryRegion } from '../discovery/discovery-region.js';
import { FILE_OF_SERVER } from '../discovery/names.js';
import { failureAt } from '../system-failures.js';
import { describeProcess, type InspectedProcess, startTicksOf } from './processes.js';
import { type InspectedRegion, inspectRegions, type UnreadableRegion } from './regions.js';
import { epochNow } from '../platform-time.js';

/** A server that listens at a name. */
export interface InspectedServer {
  /** The hash of its name, which the file does not tell: the first 24 digits of the name's SHA-256. */
  readonly nameHash: string;
  /** Whether it shares its name with other servers (`sharedMemory.share`): each of them is listed. */
  readonly isShared: boolean;
  /** Which of the servers of its name it is; 0 where it does not share. */
  readonly slot: number;
  /** Undefined where it has ended without giving its name back. */
  readonly process: InspectedProcess | undefined;
  /** How many connections it allows. */
  readonly maxConnections: number;
}

/** What goes on through shared memory on this machine, as far as this user may see it. Plain data, fit for JSON. */
export interface SharedMemorySnapshot {
  /** When it was looked at, in milliseconds since the epoch. */
  readonly at: number;
  /** Where the servers were looked for, as an absolute path. */
  readonly directory: string;
  /** Whether that folder exists. Where it does not, no server has run there, or servers use another one. */
  readonly directoryExists: boolean;
  /** The servers there. */
  readonly servers: readonly InspectedServer[];
  /** The connections of this user's processes, wherever their servers are found. */
  readonly regions: readonly InspectedRegion[];
  /** Regions that are there and can't be looked into. */
  readonly unreadable: readonly UnreadableRegion[];
}

/** What to look at. */
export interface InspectOptions {
  /** The folder where servers are found. @default as `sharedMemory.directory` */
  readonly directory?: string;
}

/**
 * Looks at every region and server of this user. Reads only, from files and from `/proc`: no connection is stopped, woken
 * or written to, and the addon is not needed. `NotSupported`: not on Linux.
 */
export function inspectSharedMemory(options: InspectOptions = {}): Result<SharedMemorySnapshot> {
  const fault = faultOfOptions('inspectSharedMemory()', options, { directory: 'anything' });
  if (fault !== undefined) return { ok: false, error: fault };
  if (process.platform !== 'linux')
    return err('NotSupported', `regions can be inspected on Linux, not on ${process.platform}`);
  const config = resolveOwnConfig(
    { endpoint: 'any', sharedMemory: { directory: options.directory } },
    sharedMemorySection,
  );
  if (!config.ok) return config;
  const userId = process.getuid?.() ?? -1;
  const directory = discoveryDirectory(config.value.sharedMemory, userId);
  const servers = inspectServers(directory, userId);
  if (!servers.ok) return servers;
  try {
    return ok({ at: epochNow(), directory, ...servers.value, ...inspectRegions(userId) });
  } catch (error) {
    return failureAt('/proc', 'the processes could not be read', error);
  }
}

function inspectServers(
  directory: string,
  userId: number,
): Result<Pick<SharedMemorySnapshot, 'directoryExists' | 'servers'>> {
  const checked = checkDirectory(directory, userId);
  if (!checked.ok) {
    return checked.error.code === 'TransportUnavailable' ? ok({ directoryExists: false, servers: [] }) : checked;
  }
  let files: string[];
  try {
    files = readdirSync(directory);
  } catch (error) {
    return failureAt(directory, `the directory ${directory} could not be read`, error);
  }
  const servers: InspectedServer[] = [];
  for (const file of files) {
    const { hash, slot = '0', kind } = FILE_OF_SERVER.exec(file)?.groups ?? {};
    if (hash === undefined || kind !== 'region') continue;
    const identity = readDiscoveryRegion(join(directory, file), userId);
    if (!identity.ok) continue;
    const { processId, startTime, maxConnections, isShared = false } = identity.value;
    // Another process may have its id by now.
    const isSame = startTicksOf(processId) === Number(startTime);
    servers.push({
      nameHash: hash,
      isShared,
      slot: Number(slot),
      process: isSame ? describeProcess(processId) : undefined,
      maxConnections,
    });
  }
  return ok({ directoryExists: true, servers });
}
