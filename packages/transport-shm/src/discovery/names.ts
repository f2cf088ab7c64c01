import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { redactEndpoint } from '@entropynet/core';

/** Enough of the hash that two names never meet, short enough for every system's limits. */
const HASH_CHARACTERS = 24;

/** Whether a local socket is a file. A named pipe of Windows has a name of its own kind, which ends with its last handle. */
export const SOCKETS_ARE_FILES = process.platform !== 'win32';

/** How many servers may share one name. Each has a slot of its own; a server that does not share has slot 0. */
export const MAX_SLOTS = 64;

/** Where the objects of one server are. */
export interface ServerNames {
  /** The discovery region: a file that clients only read. */
  readonly region: string;
  /** The file of the local socket, where sockets are files. */
  readonly socket: string;
}

/** The name inside `shm://name`, or the bare name. */
export function serverNameOf(endpoint: string): string {
  return endpoint.replace(/^shm:\/\//i, '');
}

/** The same as errors, warnings and logs may have it: a name may hold what looks like a password, or a query. */
export function shownNameOf(endpoint: string): string {
  return serverNameOf(redactEndpoint(endpoint));
}

const HOST_AND_PORT = /^(?:\[[0-9a-f:.]+\]|[^\s/\\:@]+):\d{1,5}(?:\/.*)?$/i;
const PATH = /^(?:[/\\~]|\.{1,2}[/\\]|[a-z]:\\)|\.sock(?:et)?$/i;
const DOMAIN = /^[a-z\d-]+(?:\.[a-z\d-]+)*\.[a-z]{2,}$/i;

/** What the endpoint may have been meant as where it is a host and a port, and stands for a name; one sentence. */
export function hintAboutPort(endpoint: string): string | undefined {
  return HOST_AND_PORT.test(endpoint)
    ? `a server at a host and port has an endpoint like ws://${redactEndpoint(endpoint)}`
    : undefined;
}

/** The same where nobody has that name: it may also be a path or another machine. Undefined for what looks like a name. */
export function hintAboutName(endpoint: string): string | undefined {
  const hint = hintAboutPort(endpoint);
  if (hint !== undefined) return hint;
  if (PATH.test(endpoint)) return 'a name is any text that both sides use, and no path of a file or a socket';
  return DOMAIN.test(endpoint)
    ? `a server on another machine has an endpoint like ws://${redactEndpoint(endpoint)}`
    : undefined;
}

/**
 * Where the server with these names and this nonce is asked. A pipe's name comes from the nonce, which only this user can
 * read: nobody else can take the name beforehand, and connections of an earlier server keep none from a later one.
 */
export function socketPath(names: ServerNames, nonce: Uint8Array): string {
  return SOCKETS_ARE_FILES ? names.socket : `\\\\.\\pipe\\entropynet-${Buffer.from(nonce).toString('hex')}`;
}

/** The file names of a server. A hash, so that any name makes a short and harmless file name. */
export function serverNames(directory: string, name: string, slot = 0): ServerNames {
  return namesOfStem(directory, stemOf(name, slot));
}

/** The same, where only the stem is known. */
export function namesOfStem(directory: string, stem: string): ServerNames {
  return { region: join(directory, `${stem}.region`), socket: join(directory, `${stem}.socket`) };
}

/** What the file names of one server begin with. */
function stemOf(name: string, slot: number): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_CHARACTERS);
  return slot === 0 ? hash : `${hash}.${slot}`;
}

/** The file names of a directory's servers: the stem, in it the name's hash and the slot, and what the file is. */
export const FILE_OF_SERVER =
  /^(?<stem>(?<hash>[0-9a-f]{24})(?:\.(?<slot>[1-9]|[1-5]\d|6[0-3]))?)\.(?<kind>socket|region|region\.new)$/;
