import { existsSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type InspectedServer, inspectSharedMemory, type Leftovers, removeLeftovers } from '@entropynet/transport-shm';
import { type Finding } from './finding.js';
import { formatBytes } from './terminal.js';

const MEBIBYTE = 1024 * 1024;
/** The blocks of a file system that the files of a server take. */
const LEAST_BLOCKS = 2;

const CLEAN = 'Remove their files: entropynet clean.';

/** Reports the directory of this user's servers, its free space and its servers. Undefined is the default directory. */
export async function directoryFindings(named: string | undefined): Promise<Finding[]> {
  const options = named === undefined ? {} : { directory: named };
  const snapshot = inspectSharedMemory(options);
  if (snapshot.ok) {
    const { directory, servers } = snapshot.value;
    return [spaceFinding(directory), ...inspectedServersFindings(servers)];
  }
  // Only Linux shows servers from outside. Elsewhere their names say how many of them live.
  const leftovers =
    snapshot.error.code === 'NotSupported' ? await removeLeftovers({ ...options, dryRun: true }) : snapshot;
  // The trial of shared memory reports the fault.
  if (!leftovers.ok) return [];
  return [spaceFinding(leftovers.value.directory), ...namedServersFindings(leftovers.value)];
}

function spaceFinding(directory: string): Finding {
  const what = 'directory of servers';
  try {
    const { bavail, bsize } = statfsSync(existingFolderOf(directory));
    const isFull = bavail < LEAST_BLOCKS;
    const isShort = bavail * bsize < MEBIBYTE;
    const otherPlace = process.platform === 'linux' ? '; /dev/shm is not used' : '';
    return {
      what,
      judgement: isFull ? 'problem' : isShort ? 'note' : 'good',
      found: `${directory}, with ${formatBytes(bavail * bsize)} free; both sides must use the same${otherPlace}`,
      ...(isShort && { remedy: 'Make room there, or name another directory: sharedMemory.directory.' }),
    };
  } catch (error) {
    return {
      what,
      judgement: 'problem',
      found: `${directory}: ${(error as Error).message}`,
      remedy: 'Name another directory (--directory, or sharedMemory.directory), or set XDG_RUNTIME_DIR.',
    };
  }
}

/** Reports the present servers: those that share a name, and those that died without removing their files. */
function inspectedServersFindings(servers: readonly InspectedServer[]): Finding[] {
  if (servers.length === 0) return [];
  const living = servers.filter(({ process }) => process !== undefined);
  const sharing = living.filter(({ isShared }) => isShared).length;
  const dead = servers.length - living.length;
  const libraries = [...new Set(living.map(({ library = 'an older release' }) => library))].sort();
  const spoken = libraries.length === 0 ? '' : `; their libraries: ${libraries.join(', ')}`;
  return [
    {
      what: 'servers',
      judgement: dead > 0 ? 'note' : 'good',
      found: `${living.length} running, ${sharing} of them with a name that servers share; ${dead} ended without removing its files${spoken}`,
      ...(dead > 0 && { remedy: CLEAN }),
    },
  ];
}

/** Reports the same by the names of the servers alone. */
function namedServersFindings({ living, removed }: Leftovers): Finding[] {
  const files = removed.length;
  if (living + files === 0) return [];
  return [
    {
      what: 'servers',
      judgement: files > 0 ? 'note' : 'good',
      found: `${living} running; ${files} file${files === 1 ? '' : 's'} of servers that ended without removing them`,
      ...(files > 0 && { remedy: CLEAN }),
    },
  ];
}

/** Returns the folder itself, or the nearest existing folder above it, in which the folder would be made. */
function existingFolderOf(path: string): string {
  const absolute = resolve(path);
  return existsSync(absolute) || dirname(absolute) === absolute ? absolute : existingFolderOf(dirname(absolute));
}
