import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { redactEndpoint } from '@entropynet/core';

/** Enough of the hash that two names practically never collide, and short enough for the limits of every system. */
const HASH_CHARACTERS = 24;

/** Whether a local socket is a file. A named pipe of Windows is not: its name ends with its last handle. */
export const SOCKETS_ARE_FILES = process.platform !== 'win32';

/** The largest number of servers that share one name. Each has a slot. A server that does not share has slot 0. */
export const MAX_SLOTS = 64;

/** The paths of one server's files. */
export interface ServerNames {
  /** The discovery region: a file that clients only read. */
  readonly region: string;
  /** The file of the local socket, where sockets are files. */
  readonly socket: string;
}

/** Returns the name in `shm://name`, or the bare name. */
export function serverNameOf(endpoint: string): string {
  return endpoint.replace(/^shm:\/\//i, '');
}

/** Returns the name in a form for errors, warnings and logs, because a name may contain a password or a query. */
export function shownNameOf(endpoint: string): string {
  return serverNameOf(redactEndpoint(endpoint));
}

const HOST_AND_PORT = /^(?:\[[0-9a-f:.]+\]|[^\s/\\:@]+):\d{1,5}(?:\/.*)?$/i;
const PATH = /^(?:[/\\~]|\.{1,2}[/\\]|[a-z]:\\)|\.sock(?:et)?$/i;
const DOMAIN = /^[a-z\d-]+(?:\.[a-z\d-]+)*\.[a-z]{2,}$/i;

/** Returns advice, in one sentence, for an endpoint that is a host and a port but counts as a name here. */
export function hintAboutPort(endpoint: string): string | undefined {
  return HOST_AND_PORT.test(endpoint)
    ? `a server at a host and port has an endpoint like ws://${redactEndpoint(endpoint)}`
    : undefined;
}

/**
 * Returns advice for a name that no server has: it may also be a path or another machine. Undefined for a usual name.
 */
export function hintAboutName(endpoint: string): string | undefined {
  const hint = hintAboutPort(endpoint);
  if (hint !== undefined) return hint;
  if (PATH.test(endpoint)) return 'a name is any text that both sides use, and no path of a file or a socket';
  return DOMAIN.test(endpoint)
    ? `a server on another machine has an endpoint like ws://${redactEndpoint(endpoint)}`
    : undefined;
}

/**
 * Returns the path of a server's socket, by its names and its nonce. A pipe's name comes from the nonce, which only
 * this user can read. So no other user can take the name beforehand, and the connections of an earlier server do not
 * block a later one.
 */
export function socketPath(names: ServerNames, nonce: Uint8Array): string {
  return SOCKETS_ARE_FILES ? names.socket : `\\\\.\\pipe\\entropynet-${Buffer.from(nonce).toString('hex')}`;
}

/** Returns the file names of a server. They contain a hash, so that every name gives a short and valid file name. */
export function serverNames(directory: string, name: string, slot = 0): ServerNames {
  return namesOfStem(directory, stemOf(name, slot));
}

/** Returns the same for a stem. */
export function namesOfStem(directory: string, stem: string): ServerNames {
  return { region: join(directory, `${stem}.region`), socket: join(directory, `${stem}.socket`) };
}

/** Returns the first part of one server's file names. */
function stemOf(name: string, slot: number): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_CHARACTERS);
  return slot === 0 ? hash : `${hash}.${slot}`;
}

/**
 * Matches the file names of a directory's servers: the stem, which holds the name's hash and the slot, and the kind of
 * the file.
 */
export const FILE_OF_SERVER =
  /^(?<stem>(?<hash>[0-9a-f]{24})(?:\.(?<slot>[1-9]|[1-5]\d|6[0-3]))?)\.(?<kind>socket|region|region\.new)$/;
