import { existsSync } from 'node:fs';
import { err, type Failure, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
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
import { isLocked } from './liveness.js';
import {
  hintAboutName,
  MAX_SLOTS,
  serverNameOf,
  serverNames,
  shownNameOf,
  socketPath,
  SOCKETS_ARE_FILES,
} from './names.js';
import { isOfUser } from './peer-process.js';

/** The pause of a client before it asks a server with a full queue again, in milliseconds. */
const FULL_QUEUE_PAUSE_MS = 2;

/** A socket to a server of the demanded user. */
export interface OpenedSocket {
  readonly socket: LocalSocket;
  readonly server: PeerCredentials;
}

/** A server that exists and seems to be alive. */
export interface FoundServer {
  readonly binding: NativeBinding;
  readonly access: RegionAccess;
  readonly identity: ServerIdentity;
  readonly socketPath: string;
  readonly regionPath: string;
  /** The user that it must run as. */
  readonly userId: number;
}

/** Finds one server of an endpoint, without connecting to it. */
export function findServer(config: ResolvedConnectionConfig): Result<FoundServer> {
  const found = findServers(config);
  return found.ok ? ok(found.value[0]) : found;
}

/**
 * Finds the servers of an endpoint, without connecting to them: one, or several that share it. Some of these may be
 * dead.
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
    // This server does not share the name, so no other slot has one.
    if (identity.value.isShared !== true) break;
  }
  const [first, ...others] = found;
  if (first !== undefined) return ok([first, ...others]);
  return failure === undefined || failure.error.code === 'TransportUnavailable'
    ? absent(directory, config.endpoint, userId)
    : failure;
}

/**
 * Returns the error for a server that was not found. It names the directory and the other directories that a server
 * with another environment may use.
 */
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
 * Connects to the server's socket. No event reports that a full queue has room again, so a timer asks again until
 * `signal` aborts.
 */
export async function connectTo(found: FoundServer, shown: string, signal: AbortSignal): Promise<Result<OpenedSocket>> {
  for (;;) {
    const opened = tryToConnect(found, shown);
    if (opened !== undefined) return opened;
    const waited = await waitForRoom(signal);
    if (!waited.ok) return waited;
  }
}

/** Waits before servers with full queues are asked again. `Aborted`: `signal` has ended the attempt. */
export async function waitForRoom(signal: AbortSignal): Promise<Result> {
  await new Promise((resolve) => setTimeout(resolve, FULL_QUEUE_PAUSE_MS));
  return signal.aborted ? err('Aborted', 'connecting was aborted') : ok();
}

/**
 * Returns undefined if the server lives and can't be reached at this moment.
 * @param shown its name in a form for errors
 */
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
    // On some systems this error means a full queue. On every system the server may be about to make its socket again. The
    // lock may be that of another server, whose pipe has another name.
    if (isLocked(binding, found.regionPath) && !isReplaced(found)) return undefined;
    return err(
      'TransportUnavailable',
      `the server named '${shown}' is gone: no server listens at its socket ${path}`,
      error,
    );
  }
  try {
    const server = socket.peerCredentials();
    const stranger = strangenessOf(server, found);
    if (stranger === undefined) return ok({ socket, server });
    socket.close();
    return err('SharedMemoryPermission', `the server named '${shown}' ${stranger}`);
  } catch (error) {
    // Some systems forget a peer that has gone.
    socket.close();
    return err('TransportUnavailable', `the server named '${shown}' went away: ${messageOf(error)}`, error);
  }
}

/** Whether another server has the name by now. A server whose file is missing creates it again. */
export function isReplaced({ regionPath, userId, identity }: FoundServer): boolean {
  const present = readDiscoveryRegion(regionPath, userId);
  return present.ok && Buffer.compare(present.value.nonce, identity.nonce) !== 0;
}

/**
 * Returns the reason why the process at the other end is not the server; undefined if it is one of the demanded user.
 */
function strangenessOf(server: PeerCredentials, { identity, userId }: FoundServer): string | undefined {
  if (!isOfUser(server, userId)) {
    return SOCKETS_ARE_FILES
      ? `belongs to user ${server.userId}, not to ${describeUser(userId)}`
      : 'belongs to another user, or others may change its pipe';
  }
  // On other systems the two processes may have different numbering, as in two containers.
  if (SOCKETS_ARE_FILES || server.processId === identity.processId) return undefined;
  return `is process ${identity.processId} by its discovery region, and process ${server.processId} answers in its place`;
}
