import { closeSync, openSync } from 'node:fs';
import { err, ok, type Result, shortageOf } from '@entropynet/core';
import { ADDON_PATH, addonPath, openAddon, openPackagedAddon } from './addon-file.js';
import { LAYOUT_VERSION, MAGIC } from './region/layout.js';

/** A failed system call of the addon. It has the shape of the errors of Node.js. */
export interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

/** The process that made the other end of a socket, from the kernel. */
export interface PeerCredentials {
  /** 0 if the process is in another PID namespace. */
  readonly processId: number;
  /** Its effective user; 0 on systems whose users have no number. */
  readonly userId: number;
  /** Its effective group; 0 on systems whose groups have no number. */
  readonly groupId: number;
  /** Windows only: whether it has the same user as this process. */
  readonly isSameUser?: boolean;
}

/**
 * A local stream socket. It carries the handshake, wakes the peer, and shows the peer's death. Only the JS thread uses
 * it. A failure throws a `SystemError`.
 */
export interface LocalSocket {
  /** Returns the next client; null if none waits. */
  accept(): LocalSocket | null;
  /** Returns the process that made the socket at the other end, from the kernel. */
  peerCredentials(): PeerCredentials;
  /** Not on Windows: returns the groups of that process at that time, without its effective one. */
  peerGroups?(): number[];
  /**
   * Sends without waiting, with a descriptor if one is given. Returns the number of sent bytes; 0 if there is no room.
   */
  send(bytes: Uint8Array, descriptor?: number): number;
  /**
   * Reads without waiting. `descriptor` is -1, or a descriptor that the caller now owns. `descriptorLost`: a descriptor
   * arrived, with these bytes or later ones, but this process had no free number for it. The bytes may stay in the socket.
   */
  receive(into: Uint8Array): { bytes: number; ended: boolean; descriptor: number; descriptorLost: boolean };
  /** Wakes the peer. Never waits and never fails. */
  ring(): void;
  /** Reads all wakes from the socket. Returns true if the peer is gone. */
  consumeRings(): boolean;
  /** Calls back in the event loop when bytes have arrived or the peer is gone. `setWake` chooses the mechanism. */
  watch(callback: () => void): void;
  unwatch(): void;
  /** Makes the watch keep the event loop alive, which is the default. */
  ref(): void;
  unref(): void;
  /** Idempotent. */
  close(): void;
  /** -1 after `close()`. */
  readonly descriptor: number;
}

/** A region and a copy of it. The copy is an `ArrayBuffer` of the same size, on which JavaScript works. */
export interface RegionCopy {
  /** Copies these bytes of the control block from the region. */
  readControlBlock(copy: ArrayBuffer, byteOffset: number, byteLength: number): void;
  /** Copies these bytes of the control block into the region. */
  writeControlBlock(copy: ArrayBuffer, byteOffset: number, byteLength: number): void;
  /** Copies the changes of both sides. Returns true if the caller must wake the peer through the socket. */
  exchange(copy: ArrayBuffer): boolean;
  /** Like `waitOnWord` of the addon, for a word of the region itself. */
  waitOnWord(byteOffset: number, expected: number, timeoutMs: number): void;
  unmap(): void;
}

/** The owner of a file or directory and the other accounts that may change it, as security identifiers of Windows. */
export interface FileAccess {
  readonly owner: string;
  /** Whether the owner is this user, or the system or its administrators. The last two can take any file anyway. */
  readonly isOwn: boolean;
  /** Another account that may change it; empty if there is none. */
  readonly writer: string;
}

/** The functions of the addon. `native/addon.cc` lists them. All are synchronous and throw a `SystemError`. */
export interface NativeBinding {
  /**
   * Allocates and maps zeroed memory of a fixed size. The caller owns the descriptor, may pass it on, and must close
   * it. `prefault` allocates every page now, so that a lack of memory is an error here and not a signal at the first
   * access.
   */
  createRegion(byteLength: number, prefault?: boolean): { buffer: ArrayBuffer; descriptor: number };
  /**
   * Maps another process's region, if it has exactly that size and can't shrink. The caller still owns the descriptor.
   */
  attachRegion(descriptor: number, byteLength: number, prefault?: boolean): ArrayBuffer;
  /**
   * Detaches the buffer and returns the shared memory to the system. The addresses stay reserved until the buffer is
   * collected: asynchronous work that still has a view of it reads and writes private memory there.
   */
  unmapRegion(buffer: ArrayBuffer): void;
  closeDescriptor(descriptor: number): void;
  /** Whether the runtime accepts an `ArrayBuffer` over memory that it did not allocate. */
  supportsExternalBuffers(): boolean;
  /** Blocks this thread while the word is `expected`, until `wakeWord` or for `timeoutMs`. */
  waitOnWord(
    buffer: ArrayBuffer,
    byteOffset: number,
    expected: number,
    timeoutMs: number,
  ): 'woken' | 'changed' | 'timed-out';
  /** Wakes the threads that wait on the word. Returns their number. */
  wakeWord(buffer: ArrayBuffer, byteOffset: number): number;
  /** Gives the processor to another thread that is ready to run on it. Returns at once if there is none. */
  letOthersRun(): void;
  /**
   * Returns the identity of this process. With the start time, a later process with the same number has another
   * identity.
   */
  processIdentity(): { processId: number; startTime: bigint; userId: number };
  /** Returns the start time of a process, in the unit of `processIdentity`; null if no process has that number. */
  processStartTime(processId: number): bigint | null;
  /** Takes the lock of a directory. Throws `EAGAIN` if another process holds it. Closing the descriptor releases it. */
  lockDirectory(path: string): number;
  /** Takes the lock of a file. A server holds this lock of its discovery region as long as it lives. */
  lockFile(path: string): number;
  /** Whether a process holds the lock of a file. Throws `ENOENT` if the file does not exist. */
  isFileLocked(path: string): boolean;
  /** Windows only, which has no file modes: returns the accounts that may change a file or directory. */
  fileAccess?(path: string): FileAccess;
  /** Windows only: makes a directory to which only this user has access. The files in it inherit that. */
  makePrivateDirectory?(path: string): void;
  /**
   * Not on Windows: returns the number of the user of that name; null if there is none. May wait for a directory
   * service.
   */
  readonly userIdOf?: (name: string) => number | null;
  /** The same for a group. */
  readonly groupIdOf?: (name: string) => number | null;
  /**
   * Linux only: gives users and groups `rights`, one digit of a mode, to a file. It extends the file's access list or,
   * if the file has none, `mode`. Throws `EOPNOTSUPP` if the file system has no access lists.
   */
  grantAccess?(path: string, mode: number, users: Uint32Array, groups: Uint32Array, rights: number): void;
  /** Removes the file when the process exits, also by `process.exit` or an uncaught exception. */
  removeAtExit(path: string): void;
  forgetAtExit(path: string): void;
  /**
   * Chooses how the watches that this thread starts from now on learn that a socket is readable: from libuv's event
   * loop, or from one thread of the addon. By default the addon uses the event loop in Node.js, where it is faster, and
   * the thread in runtimes without libuv, where the event loop throws `ENOTSUP`.
   */
  setWake(way: 'event-loop' | 'thread'): void;
  readonly LocalSocket: {
    listen(path: string, backlog: number): LocalSocket;
    connect(path: string): LocalSocket;
  };
  /** A region that JavaScript can't map, for runtimes without external buffers. */
  readonly RegionCopy: {
    /** Like `createRegion`, for the server. */
    create(byteLength: number, prefault?: boolean): { region: RegionCopy; descriptor: number };
    /** Like `attachRegion`, for the client. */
    attach(descriptor: number, byteLength: number, prefault?: boolean): RegionCopy;
  };
  /**
   * The constants of `native/region_layout.h`. They identify the addon's version; a test compares them with
   * `region/layout.ts`.
   */
  readonly layout: Readonly<Record<string, number>>;
}

let loaded: Result<NativeBinding> | undefined;

/**
 * Loads the addon at the first call, never at import. `SharedMemoryNotAvailable` contains the reason why it can't be
 * used. The result stays the same in this thread, unless `setNativeBinding` sets an addon. `ResourceLimitExceeded`: no
 * file descriptor is left for loading it; the next call tries again.
 */
export function loadNativeBinding(): Result<NativeBinding> {
  const result = loaded ?? load();
  if (result.ok || result.error.code !== 'ResourceLimitExceeded') loaded = result;
  return result;
}

/**
 * Sets the addon of this thread. Use it in single executables and bundles, which load the addon themselves because its
 * file is not in the package. It takes precedence over `ENTROPYNET_ADDON_PATH`. Call it in each thread that uses shared
 * memory, before the first connection or server.
 *
 * @param addon the exports of the addon of the same version, from `process.dlopen` or `require`
 * @returns `SharedMemoryNotAvailable` if it is not that addon; `AlreadyExists` if the thread uses another one already
 * @throws TypeError for a value that is not an object
 */
export function setNativeBinding(addon: object): Result {
  if (typeof addon !== 'object' || (addon as object | null) === null) {
    throw new TypeError(
      `setNativeBinding() takes the exports of a native addon; ${addon === null ? 'null' : typeof addon} was given`,
    );
  }
  if (loaded?.ok === true) {
    if (loaded.value === addon) return ok();
    return err(
      'AlreadyExists',
      'this thread uses a native addon already: call setNativeBinding() before anything else',
    );
  }
  try {
    loaded = ok(checked(addon));
    return ok();
  } catch (error) {
    return err(
      'SharedMemoryNotAvailable',
      `the addon given to setNativeBinding() can't be used (${messageOf(error)}): give the exports of the addon of this version of @entropynet/transport-shm`,
      error,
    );
  }
}

/** Returns the value if it is the addon of this version. */
function checked(addon: unknown): NativeBinding {
  const binding = addon as Partial<NativeBinding>;
  const { magic, layoutVersion } = binding.layout ?? {};
  // `letOthersRun` is the newest function, so an older addon lacks it.
  const isWhole = binding.letOthersRun !== undefined;
  if (magic === MAGIC && layoutVersion === LAYOUT_VERSION && isWhole) return binding as NativeBinding;
  if (magic === MAGIC && !isWhole) throw new Error('it belongs to an older version of this package');
  throw new Error(
    magic === MAGIC
      ? `it is for version ${String(layoutVersion)} of the region's layout, and this package for ${LAYOUT_VERSION}`
      : 'it is another addon',
  );
}

function load(): Result<NativeBinding> {
  const given = addonPath();
  try {
    return ok(checked(given === undefined ? openPackagedAddon() : openAddon(given)));
  } catch (error) {
    const shortage = lackOfDescriptors();
    if (shortage !== undefined) {
      return err('ResourceLimitExceeded', `the native addon could not be loaded: ${shortage}`, error);
    }
    const which =
      given === undefined ? 'native addon of @entropynet/transport-shm' : `addon that ${ADDON_PATH} names, "${given}",`;
    const remedy = isForbidden(error)
      ? 'this Node.js forbids it: add --allow-addons, with the permission model also --allow-fs-read, and leave out --no-addons'
      : given === undefined
        ? `build it with "npx entropynet-build-addon", in a bundle name its file in ${ADDON_PATH} or give it to setNativeBinding()`
        : 'name the addon of this version of @entropynet/transport-shm';
    return err(
      'SharedMemoryNotAvailable',
      `the ${which} could not be loaded (${messageOf(error).split('\n')[0] ?? ''}): ${remedy}, or use WebSocket`,
      error,
    );
  }
}

/** Returns the lack because of which this process can open no file. A loader's error often does not show it. */
function lackOfDescriptors(): string | undefined {
  try {
    closeSync(openSync(process.execPath, 'r'));
    return undefined;
  } catch (error) {
    return shortageOf(error);
  }
}

/** Whether the options of Node.js forbid loading the addon. */
function isForbidden(error: unknown): boolean {
  return isSystemError(error) && (error.code === 'ERR_DLOPEN_DISABLED' || error.code === 'ERR_ACCESS_DENIED');
}

/** Returns the present user of this process. It needs no descriptor; `processIdentity` needs one. */
export function currentUserId(binding: NativeBinding): number {
  return process.geteuid?.() ?? binding.processIdentity().userId;
}

/**
 * Whether a value is an error of the system, as the addon and Node.js throw it. Its class is no evidence: in a test
 * framework with its own global object (Jest, Vitest's `vmThreads`), the errors of Node.js belong to another realm.
 */
export function isSystemError(error: unknown): error is SystemError {
  return typeof error === 'object' && error !== null && typeof (error as Partial<SystemError>).code === 'string';
}

/** Returns the message of an unknown thrown value, for a `NetworkError`. It also reads errors of another realm. */
export function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null ? (error as Partial<Error>).message : undefined;
  return typeof message === 'string' ? message : String(error);
}
