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
import { epochNow, now } from '../platform-time.js';

/** A server of shared memory. */
export interface InspectedServer {
  /** The first 24 digits of the SHA-256 of its name; the file does not contain the name. */
  readonly nameHash: string;
  /** Whether it shares its name with other servers (`sharedMemory.share`): each of them is listed. */
  readonly isShared: boolean;
  /** Its slot among the servers of its name; 0 if it does not share. */
  readonly slot: number;
  /** The process of the server. Undefined if it died without removing its files. */
  readonly process: InspectedProcess | undefined;
  /** The largest number of connections. */
  readonly maxConnections: number;
  /** Its language and the version of its library, `python 0.1.0` for example. Undefined for an older server. */
  readonly library: string | undefined;
}

/**
 * The servers and connections through shared memory that this user may see on this machine. It is plain data and valid
 * as JSON.
 */
export interface SharedMemorySnapshot {
  /** The time of the snapshot, in milliseconds since the epoch. */
  readonly at: number;
  /** The same time, in milliseconds of a clock of this process that never goes back: for rates between two snapshots. */
  readonly measuredAt: number;
  /** The directory of the servers, as an absolute path. */
  readonly directory: string;
  /** Whether the directory exists. If not, no server has run there, or the servers use another directory. */
  readonly directoryExists: boolean;
  /** The servers in that directory. */
  readonly servers: readonly InspectedServer[];
  /** The connections of this user's processes, also with servers in other directories. */
  readonly regions: readonly InspectedRegion[];
  /** Regions that this process may not read. */
  readonly unreadable: readonly UnreadableRegion[];
}

/** Options of `inspectSharedMemory`. */
export interface InspectOptions {
  /** The directory of the servers. @default the default of `sharedMemory.directory` */
  readonly directory?: string;
}

/**
 * Returns every region and server of this user. It only reads files and `/proc`: it does not stop, wake or change a
 * connection, and does not need the addon. `NotSupported`: this system is not Linux.
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
    return ok({ at: epochNow(), measuredAt: now(), directory, ...servers.value, ...inspectRegions(userId) });
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
    const { processId, startTime, maxConnections, isShared = false, library } = identity.value;
    // Another process may have the same id by now.
    const isSame = startTicksOf(processId) === Number(startTime);
    servers.push({
      nameHash: hash,
      isShared,
      slot: Number(slot),
      process: isSame ? describeProcess(processId) : undefined,
      maxConnections,
      library,
    });
  }
  return ok({ directoryExists: true, servers });
}
