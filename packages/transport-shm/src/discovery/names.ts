import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Enough of the hash that two names never meet, short enough for every system's limits. */
const HASH_CHARACTERS = 24;

/** Where the objects of one server name are. */
export interface ServerNames {
  /** The discovery region: a file that clients only read. */
  readonly region: string;
  /** The local socket. */
  readonly socket: string;
}

/** The name inside `shm://name`, or the bare name. */
export function serverNameOf(endpoint: string): string {
  return endpoint.replace(/^shm:\/\//i, '');
}

/** The file names of a server. A hash, so that any name makes a short and harmless file name. */
export function serverNames(directory: string, name: string): ServerNames {
  return namesOfHash(directory, createHash('sha256').update(name).digest('hex').slice(0, HASH_CHARACTERS));
}

/** The same, where only the hash is known. */
export function namesOfHash(directory: string, hash: string): ServerNames {
  return { region: join(directory, `${hash}.region`), socket: join(directory, `${hash}.socket`) };
}
