import { existsSync } from 'node:fs';
import {
  type ConnectionPeer,
  err,
  type Failure,
  ok,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import {
  currentUserId,
  isSystemError,
  loadNativeBinding,
  type LocalSocket,
  messageOf,
  type NativeBinding,
  type PeerCredentials,
} from '../native-binding.js';
import { setTimeout } from '../platform-time.js';
import { failureAt } from '../system-failures.js';
import { type RegionAccess, regionAccess } from '../region/shared-memory-region.js';
import { checkDirectory, describeUser, discoveryDirectory, otherDirectories } from './directory.js';
import { readDiscoveryRegion, type ServerIdentity } from './discovery-region.js';
import { serverUserOf } from './guests.js';
import {
  hintAboutName,
  MAX_SLOTS,
  serverNameOf,
  serverNames,
  shownNameOf,
  socketPath,
  SOCKETS_ARE_FILES,
} from './names.js';
import { isOfUser, peerOf } from './peer-process.js';

/** How long a client waits before it asks a server again whose queue is full. */
const FULL_QUEUE_PAUSE_MS = 2;

/** A socket to a server of the user that is wanted. */
export interface OpenedSocket {
  readonly socket: LocalSocket;
  readonly peer: ConnectionPeer;
}

/** A server that was found and looks alive. */
export interface FoundServer {
  readonly binding: NativeBinding;
  readonly access: RegionAccess;
  readonly identity: ServerIdentity;
  readonly socketPath: string;
  readonly regionPath: string;
  /** The user that it must run as. */
  readonly userId: number;
}

/** One server of an endpoint, without connecting to it. */
export function findServer(config: ResolvedConnectionConfig): Result<FoundServer> {
  const found = findServers(config);
  return found.ok ? ok(found.value[0]) : found;
}

/**
 * Looks for the servers of an endpoint without connecting to them: one, or several that share it. Some of these may be dead.
 */
export function findServers(config: ResolvedConnectionConfig): Result<[FoundServer, ...FoundServer[]]> {
  const binding = loadNativeBinding();
  if (!binding.ok) return binding;
  const access = regionAccess(binding.value, config.sharedMemory);
  if (!access.ok) return access;
  const ownUserId = currentUserId(binding.value);
  const serverUser = serverUserOf(binding.value, config.sharedMemory, ownUserId);
  if (!serverUser.ok) return serverUser;
  const userId = serverUser.value;
  const directory = discoveryDirectory(config.sharedMemory, ownUserId);
  const checked = checkDirectory(
    directory,
    userId,
    ': only servers of the user in sharedMemory.serverUser are trusted',
  );
  const found: FoundServer[] = [];
  let failure = checked.ok ? undefined : checked;
  for (let slot = 0; checked.ok && slot < MAX_SLOTS; slot += 1) {
    const names = serverNames(directory, serverNameOf(config.endpoint), slot);
    if (slot > 0 && !existsSync(names.region)) continue;
    const identity = readDiscoveryRegion(names.region, userId);
    if (!identity.ok) {
      failure ??= identity;
      continue;
    }
    found.push({
      binding: binding.value,
      access: access.value,
      identity: identity.value,
      socketPath: socketPath(names, identity.value.nonce),
      regionPath: names.region,
      userId,
    });
    // It has the name for itself.
    if (identity.value.isShared !== true) break;
  }
  const [first, ...others] = found;
  if (first !== undefined) return ok([first, ...others]);
  return failure === undefined || failure.error.code === 'TransportUnavailable'
    ? absent(directory, config.endpoint, userId)
    : failure;
}

/** Where it was looked, and where else the server may be: the two sides may have different environments. */
function absent(directory: string, endpoint: string, userId: number): Failure {
  const name = serverNameOf(endpoint);
  const shown = shownNameOf(endpoint);
  const hint = hintAboutName(endpoint);
  const names = serverNames(directory, name);
  if (existsSync(names.socket)) {
    return err(
      'TransportUnavailable',
      `the server named '${shown}' has lost its file ${names.region}; if it lives, it creates the file again within a second`,
    );
  }
  const remedy = 'give both sides the same sharedMemory.directory, or the same XDG_RUNTIME_DIR and temporary directory';
  const elsewhere = otherDirectories(directory, userId).find((other) => existsSync(serverNames(other, name).region));
  return err(
    'TransportUnavailable',
    elsewhere === undefined
      ? `no server named '${shown}' is in the directory ${directory}: start it, or ${remedy}${hint === undefined ? '' : `; ${hint}`}`
      : `no server named '${shown}' is in the directory ${directory}, but there is one in ${elsewhere}: ${remedy}`,
  );
}

/**
 * Connects to the server's socket. While its queue is full, which no event tells the end of, it is asked again now and
 * then, until `signal` aborts.
 */
export async function connectTo(found: FoundServer, shown: string, signal: AbortSignal): Promise<Result<OpenedSocket>> {
  for (;;) {
    const opened = tryToConnect(found, shown);
    if (opened !== undefined) return opened;
    const waited = await waitForRoom(signal);
    if (!waited.ok) return waited;
  }
}

/** Gives servers whose queues are full a moment. `Aborted`: `signal` has ended the attempt. */
export async function waitForRoom(signal: AbortSignal): Promise<Result> {
  await new Promise((resolve) => setTimeout(resolve, FULL_QUEUE_PAUSE_MS));
  return signal.aborted ? err('Aborted', 'connecting was aborted') : ok();
}

/** Undefined where the server lives and can't be reached at this moment. `shown`: its name as an error may have it. */
export function tryToConnect(found: FoundServer, shown: string): Result<OpenedSocket> | undefined {
  const { binding, socketPath: path } = found;
  let socket: LocalSocket;
  try {
    socket = binding.LocalSocket.connect(path);
  } catch (error) {
    const code = isSystemError(error) ? error.code : '';
    if (code === 'EAGAIN') return undefined;
    if (code !== 'ECONNREFUSED' && code !== 'ENOENT') {
      return failureAt(path, `the server named '${shown}' could not be asked at ${path}`, error);
    }
    // On some systems its queue is full; on every system it may be about to make its socket anew.
    if (isLocked(found)) return undefined;
    return err(
      'TransportUnavailable',
      `the server named '${shown}' is gone: no server listens at its socket ${path}`,
      error,
    );
  }
  try {
    const server = socket.peerCredentials();
    const stranger = strangenessOf(server, found);
    if (stranger === undefined) return ok({ socket, peer: peerOf(server) });
    socket.close();
    return err('SharedMemoryPermission', `the server named '${shown}' ${stranger}`);
  } catch (error) {
    // Some systems forget a peer that has gone.
    socket.close();
    return err('TransportUnavailable', `the server named '${shown}' went away: ${messageOf(error)}`, error);
  }
}

/** What is wrong with the process that answers; undefined where it is one of this user. */
function strangenessOf(server: PeerCredentials, { identity, userId }: FoundServer): string | undefined {
  if (!isOfUser(server, userId)) {
    return SOCKETS_ARE_FILES
      ? `belongs to user ${server.userId}, not to ${describeUser(userId)}`
      : 'belongs to another user, or others may change its pipe';
  }
  // Elsewhere the two may number processes differently, as in two containers.
  if (SOCKETS_ARE_FILES || server.processId === identity.processId) return undefined;
  return `is process ${identity.processId} by its discovery region, and process ${server.processId} answers in its place`;
}

function isLocked({ binding, regionPath }: FoundServer): boolean {
  try {
    return binding.isFileLocked(regionPath);
  } catch {
    // It took its names away meanwhile.
    return false;
  }
}
