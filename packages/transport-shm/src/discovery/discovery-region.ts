import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { err, ok, type Result } from '@entropynet/core';
import { isSystemError } from '../native-binding.js';
import { pooledBytes } from '../pooled-bytes.js';
import { readLibrary, writeLibrary } from '../region/control-block.js';
import { IDENTITY_BYTES, LAYOUT_VERSION } from '../region/layout.js';
import { failureAt } from '../system-failures.js';
import { foreignAccess } from './file-access.js';

/** The size of a discovery region in bytes. */
export const DISCOVERY_BYTES = 64;

const MAGIC = 0x444e5045; // 'EPND' as little-endian bytes
const NONCE_OFFSET = 16;
const FLAGS_OFFSET = 40;
const LIBRARY_OFFSET = 44;
/** Servers of a version that can't share write no flag, and clients of that version read none. */
const SHARED_FLAG = 1;
const REGION_MODE = 0o600;

/** The description of a server that every reader of its region gets. */
export interface ServerIdentity {
  /** 16 random bytes, new at every `listen()`. They distinguish a server from the one before it; a process id can't. */
  readonly nonce: Uint8Array;
  readonly processId: number;
  /** The start time of the process, in the unit of the system. */
  readonly startTime: bigint;
  /** The largest number of connections of the server. */
  readonly maxConnections: number;
  /** Whether it shares its name with other servers. @default false */
  readonly isShared?: boolean;
}

/** The contents of a discovery region that was read. */
export interface ReadServerIdentity extends ServerIdentity {
  /** The text by which the server introduces itself. Undefined for an older server. */
  readonly library: string | undefined;
}

/**
 * The region as bytes, little-endian:
 * ```
 *  0 magic   4 layout version   8 process id   12 max connections   16 nonce (16)   32 start time (u64)   40 flags   44 library (20)
 * ```
 */
export function encodeServerIdentity(identity: ServerIdentity): Uint8Array {
  const bytes = new Uint8Array(DISCOVERY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, LAYOUT_VERSION, true);
  view.setUint32(8, identity.processId, true);
  view.setUint32(12, identity.maxConnections, true);
  bytes.set(identity.nonce, NONCE_OFFSET);
  view.setBigUint64(32, identity.startTime, true);
  view.setUint32(FLAGS_OFFSET, identity.isShared === true ? SHARED_FLAG : 0, true);
  writeLibrary(bytes, LIBRARY_OFFSET);
  return bytes;
}

/** The inverse of `encodeServerIdentity`. `SharedMemoryCorrupted`, or `IncompatibleVersion`. */
export function decodeServerIdentity(bytes: Uint8Array): Result<ReadServerIdentity> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length !== DISCOVERY_BYTES || view.getUint32(0, true) !== MAGIC) {
    return err('SharedMemoryCorrupted', 'the discovery region was not written by EntropyNet');
  }
  const version = view.getUint32(4, true);
  if (version !== LAYOUT_VERSION) {
    return err('IncompatibleVersion', `the server uses region layout ${version}, this side ${LAYOUT_VERSION}`);
  }
  return ok({
    processId: view.getUint32(8, true),
    maxConnections: view.getUint32(12, true),
    nonce: bytes.slice(NONCE_OFFSET, NONCE_OFFSET + IDENTITY_BYTES),
    startTime: view.getBigUint64(32, true),
    ...((view.getUint32(FLAGS_OFFSET, true) & SHARED_FLAG) !== 0 && { isShared: true }),
    library: readLibrary(bytes, LIBRARY_OFFSET),
  });
}

/**
 * Writes a server's region and renames it to its name. It replaces the region of a server that is gone. Clients see the
 * whole old one or the whole new one. The caller holds the directory's lock; the function first removes the file of a
 * server that was killed in here. Throws the error of Node.js if the write fails, and leaves no file.
 * @param beforeVisible called with the path of the whole file before it gets its name
 */
export function publishDiscoveryRegion(
  path: string,
  identity: ServerIdentity,
  beforeVisible?: (path: string) => void,
): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const descriptor = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | (O_NOFOLLOW ?? 0), REGION_MODE);
  try {
    // The umask may also remove rights of the owner.
    fchmodSync(descriptor, REGION_MODE);
    writeSync(descriptor, encodeServerIdentity(identity));
    beforeVisible?.(temporary);
    // STEP(listen: region written)
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads a server's region. `TransportUnavailable`: it does not exist. `SharedMemoryPermission`: this process must not
 * trust it. `ResourceLimitExceeded`: this process can't open it.
 */
export function readDiscoveryRegion(path: string, userId: number): Result<ReadServerIdentity> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(path, O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0));
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') {
      return err('TransportUnavailable', `there is no discovery region ${path}`, error);
    }
    return failureAt(path, `the discovery region ${path} could not be opened`, error);
  }
  try {
    const status = fstatSync(descriptor);
    const isOurs =
      process.platform === 'win32'
        ? foreignAccess(path) === undefined
        : status.uid === userId && (status.mode & 0o022) === 0;
    if (!status.isFile() || !isOurs) {
      return err(
        'SharedMemoryPermission',
        `the discovery region ${path} is not a file that only its server's user (${userId}) may write`,
      );
    }
    const bytes = pooledBytes(DISCOVERY_BYTES);
    const length = readSync(descriptor, bytes, 0, DISCOVERY_BYTES, 0);
    const isWhole = status.size === DISCOVERY_BYTES;
    const decoded = decodeServerIdentity(isWhole ? bytes.subarray(0, length) : new Uint8Array(0));
    return decoded.ok ? decoded : err(decoded.error.code, `${decoded.error.message}: ${path}`);
  } catch (error) {
    return failureAt(path, `the discovery region ${path} could not be read`, error);
  } finally {
    closeSync(descriptor);
  }
}
