import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { debugLog, type Failure, NetworkError, ok, type Result } from '@entropynet/core';
import { currentUserId, isSystemError, type LocalSocket, type NativeBinding } from '../native-binding.js';
import { IDENTITY_BYTES } from '../region/layout.js';
import { describeSystemError, failureAt } from '../system-failures.js';
import { lockDirectory, prepareDirectory } from './directory.js';
import { publishDiscoveryRegion } from './discovery-region.js';
import { forgetAtExit, removeAtExit } from './exit-names.js';
import { findFreeSlot, type SlotSeeker } from './free-slot.js';
import { grant, GuestRight, type Guests } from './guests.js';
import { isLocked } from './liveness.js';
import { type ServerNames, serverNames, socketPath, SOCKETS_ARE_FILES } from './names.js';

const log = debugLog('shm');

/** The largest number of clients that wait for `accept` in the kernel. */
const BACKLOG = 128;

interface ClaimOptions extends SlotSeeker {
  /** The other accounts that may connect; undefined if there are none. */
  readonly guests?: Guests | undefined;
  readonly maxConnections: number;
  readonly timeoutMs: number;
  /** Whether the name of a socket is a file. @default whether it is on this system */
  readonly socketsAreFiles?: boolean;
}

/** A name that this server has made, and the identity of its file. Another server may have the name by now. */
interface OwnName {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/**
 * A server's hold on its name: the socket, the discovery region and the lock of the region, which lasts as long as the
 * hold. A server takes, renews and releases names under a lock of the directory. So exactly one of several servers
 * wins, a new one replaces a dead one, and no server removes the files of another.
 */
export class NameClaim {
  readonly nonce: Uint8Array = randomBytes(IDENTITY_BYTES);
  readonly #options: ClaimOptions;
  /** The names of this server's slot. */
  #names: ServerNames;
  #socketPath: string;
  #socket: LocalSocket | undefined;
  #socketName: OwnName | undefined;
  #regionName: OwnName | undefined;
  /** The descriptor that holds the lock of the region's file. */
  #lifeLock: number | undefined;
  /** The discovery region of the server that took the name from this one. This server asks it once. */
  #usurper: OwnName | undefined;

  private constructor(options: ClaimOptions) {
    this.#options = options;
    this.#names = serverNames(options.directory, options.name);
    this.#socketPath = socketPath(this.#names, this.nonce);
  }

  /** Takes the name. `AddressInUse`: a living server has it. */
  static async take(options: ClaimOptions): Promise<Result<NameClaim>> {
    const { binding, directory, timeoutMs } = options;
    const lock = await lockDirectory(binding, directory, timeoutMs);
    if (!lock.ok) return lock;
    const claim = new NameClaim(options);
    try {
      // STEP(listen: locked)
      const found = claim.#findSlot();
      if (!found.ok) return found;
      // STEP(listen: nobody answers)
      claim.#bind();
      // STEP(listen: socket bound)
      claim.#publish();
      // STEP(listen: published)
      log(() => `took the name '${options.shown}': socket ${claim.#socketPath}`);
      return ok(claim);
    } catch (error) {
      claim.#letGo(true);
      return claim.#failure(error);
    } finally {
      binding.closeDescriptor(lock.value);
    }
  }

  /** The socket to which clients connect. */
  get socket(): LocalSocket {
    return this.#socket!;
  }

  /** Whether both names still belong to the files of this server. It reads the status of each. */
  get isIntact(): boolean {
    return this.#hasSocketName && isStill(this.#regionName);
  }

  /** A pipe's name ends only with the socket itself. */
  get #hasSocketName(): boolean {
    return this.#isSocketFile ? isStill(this.#socketName) : this.#socket !== undefined;
  }

  get #isSocketFile(): boolean {
    return this.#options.socketsAreFiles ?? SOCKETS_ARE_FILES;
  }

  /**
   * Makes the names again that another process has removed or replaced, and the directory if it is missing.
   * `AddressInUse`: another server has taken the name meanwhile.
   * @returns the old socket if `socket` has replaced it: it has no name any more, clients may still wait at it, and the
   * caller must close it
   */
  async renew(): Promise<Result<LocalSocket | undefined>> {
    const { binding, directory, name, timeoutMs } = this.#options;
    // A server that was killed leaves its names, but not its lock.
    const usurper = this.#usurper;
    if (usurper !== undefined && isStill(usurper) && isLocked(binding, usurper.path)) return ok(undefined);
    const prepared = prepareDirectory(directory, currentUserId(binding), this.#options.guests);
    if (!prepared.ok) return prepared;
    const lock = await lockDirectory(binding, directory, timeoutMs);
    if (!lock.ok) return lock;
    try {
      const hasSocket = this.#hasSocketName;
      const hasRegion = isStill(this.#regionName);
      // If one of the two files is intact, no other server can have taken the name. A pipe proves nothing.
      const isKept = hasRegion || (this.#isSocketFile && hasSocket);
      const found = isKept ? ok() : this.#findSlot();
      if (!found.ok) {
        if (found.error.code === 'AddressInUse') this.#usurper = identify(serverNames(directory, name).region);
        return found;
      }
      const replaced = hasSocket ? undefined : this.#socket;
      // The socket comes last: if a step fails, the caller still listens at the old socket.
      if (!hasRegion) this.#publish();
      if (!hasSocket) this.#bind();
      this.#usurper = undefined;
      return ok(replaced);
    } catch (error) {
      return this.#failure(error);
    } finally {
      binding.closeDescriptor(lock.value);
    }
  }

  /**
   * Releases the name. It removes all files of this server, and none of another server. If it can't remove them, they
   * stay. The next server replaces them, because no process answers there.
   */
  async release(timeoutMs: number): Promise<void> {
    const { binding, directory } = this.#options;
    const lock = await lockDirectory(binding, directory, timeoutMs);
    // STEP(close: locked)
    const failed = this.#letGo(lock.ok) ?? (lock.ok ? undefined : lock.error);
    if (lock.ok) binding.closeDescriptor(lock.value);
    log(() => {
      const stay = failed === undefined ? '' : `; its names stay, because ${describeSystemError(failed)}`;
      return `released the socket ${this.#socketPath}${stay}`;
    });
  }

  /** Chooses the names that this server makes from now on. */
  #findSlot(): Result {
    const found = findFreeSlot(this.#options);
    if (!found.ok) return found;
    this.#forgetAtExit();
    this.#names = found.value;
    this.#socketPath = socketPath(this.#names, this.nonce);
    return ok();
  }

  #forgetAtExit(): void {
    for (const path of [this.#names.region, this.#names.socket]) forgetAtExit(this.#options.binding, path, this);
  }

  /** Listens at the socket's name, where no process answers. Changes nothing if that fails. */
  #bind(): void {
    const { binding, guests } = this.#options;
    const path = this.#socketPath;
    if (!this.#isSocketFile) {
      this.#socket = binding.LocalSocket.listen(path, BACKLOG);
      return;
    }
    rmSync(path, { force: true });
    const socket = binding.LocalSocket.listen(path, BACKLOG);
    try {
      // The umask may also remove rights of the owner.
      chmodSync(path, SOCKET_MODE);
      if (guests !== undefined) grant(binding, guests, path, GuestRight.Connect);
      removeAtExit(binding, path, this);
      this.#socketName = identify(path);
    } catch (error) {
      forgetAtExit(binding, path, this);
      rmSync(path, { force: true });
      socket.close();
      throw error;
    }
    this.#socket = socket;
  }

  #publish(): void {
    const { binding, guests, maxConnections, share = false } = this.#options;
    const path = this.#names.region;
    let lifeLock: number | undefined;
    let own: OwnName | undefined;
    try {
      const identity = { nonce: this.nonce, ...processIdentity(binding), maxConnections, isShared: share };
      publishDiscoveryRegion(path, identity, (temporary) => {
        // The lock comes before the name, so that a file that clients see is locked.
        lifeLock = binding.lockFile(temporary);
        // The right comes after the lock, because a guest that may read the file could lock it.
        if (guests !== undefined) grant(binding, guests, temporary, GuestRight.Read);
      });
      own = identify(path);
      removeAtExit(binding, path, this);
    } catch (error) {
      if (isStill(own)) rmSync(path, { force: true });
      if (lifeLock !== undefined) binding.closeDescriptor(lifeLock);
      throw error;
    }
    if (this.#lifeLock !== undefined) binding.closeDescriptor(this.#lifeLock);
    this.#lifeLock = lifeLock;
    this.#regionName = own;
  }

  /** Returns the error of the system if a name stays, as in a directory that this user may no longer write. */
  #removeNames(): unknown {
    let failed: unknown;
    for (const name of [this.#regionName, this.#socketName]) {
      try {
        if (name !== undefined && isStill(name)) rmSync(name.path, { force: true });
      } catch (error) {
        failed ??= error;
      }
    }
    return failed;
  }

  /**
   * Ends the hold. With the directory's lock, it first removes the names, and returns the error if one stays. From now
   * on the system may give the files' numbers to other files, so this server removes nothing more.
   */
  #letGo(hasLock: boolean): unknown {
    const { binding } = this.#options;
    const failed = hasLock ? this.#removeNames() : undefined;
    // STEP(close: names removed)
    this.#forgetAtExit();
    this.#socket?.close();
    if (this.#lifeLock !== undefined) binding.closeDescriptor(this.#lifeLock);
    this.#lifeLock = undefined;
    return failed;
  }

  #failure(error: unknown): Failure {
    if (error instanceof NetworkError) return { ok: false, error };
    const path = isSystemError(error) && error.path !== undefined ? error.path : this.#socketPath;
    return failureAt(path, `the server named '${this.#options.shown}' could not be created at ${path}`, error);
  }
}

const SOCKET_MODE = 0o600;

/**
 * If the system does not give the start time of this process, as without `/proc`, the value is 0 and no check uses it.
 */
function processIdentity(binding: NativeBinding): { processId: number; startTime: bigint } {
  try {
    const { processId, startTime } = binding.processIdentity();
    return { processId, startTime };
  } catch (error) {
    log(() => `the start of this process is not known: ${String(error)}`);
    return { processId: process.pid, startTime: 0n };
  }
}

function identify(path: string): OwnName | undefined {
  const status = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return status === undefined ? undefined : { path, device: status.dev, inode: status.ino };
}

/**
 * Whether the name still belongs to the same file. While this server holds the file, no other file can get its number.
 */
function isStill(name: OwnName | undefined): boolean {
  if (name === undefined) return false;
  try {
    const now = identify(name.path);
    return now !== undefined && now.device === name.device && now.inode === name.inode;
  } catch {
    // The directory was replaced, or this process may no longer read it.
    return false;
  }
}
