import { err, ok, type Result } from '@entropynet/core';
import { ADDON_PATH, addonPath, openAddon, openPackagedAddon } from './addon-file.js';
import { LAYOUT_VERSION, MAGIC } from './region/layout.js';

/** What a process or thread found out about a failed system call; the shape of Node.js's own errors. */
export interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

/** Who made the other end of a socket, as the kernel says. */
export interface PeerCredentials {
  /** 0 where the process is of another namespace of processes. */
  readonly processId: number;
  /** Its effective user; 0 on systems whose users have no number. */
  readonly userId: number;
  /** Its effective group; 0 on systems whose groups have no number. */
  readonly groupId: number;
  /** Windows only: whether it acts for this user. */
  readonly isSameUser?: boolean;
}

/** A local stream socket: handshake, doorbell and proof of life. JS thread only; failures throw a `SystemError`. */
export interface LocalSocket {
  /** The next client; null where nobody waits. */
  accept(): LocalSocket | null;
  /** Who made the socket at the other end, as the kernel says. */
  peerCredentials(): PeerCredentials;
  /** Not on Windows: the groups that its process was in then, beside its effective one. */
  peerGroups?(): number[];
  /** Sends without waiting, with a descriptor if one is given; returns how many bytes went, 0 when there is no room. */
  send(bytes: Uint8Array, descriptor?: number): number;
  /**
   * Reads without waiting. `descriptor` is -1 or one that the caller now owns; `descriptorLost`: one came that this
   * process had no number left for.
   */
  receive(into: Uint8Array): { bytes: number; ended: boolean; descriptor: number; descriptorLost: boolean };
  /** Wakes the peer. Never waits and never fails. */
  ring(): void;
  /** Reads away what wakes left; true when the peer is gone. */
  consumeRings(): boolean;
  /** Calls back in the event loop while there is something to read or the peer is gone, the way that `setWake` says. */
  watch(callback: () => void): void;
  unwatch(): void;
  /** Whether the watch keeps the event loop alive; it does by default. */
  ref(): void;
  unref(): void;
  /** Idempotent. */
  close(): void;
  /** -1 once closed. */
  readonly descriptor: number;
}

/** A region behind a copy of it, an `ArrayBuffer` of the same size that JavaScript works on. */
export interface RegionCopy {
  readControlBlock(copy: ArrayBuffer): void;
  writeControlBlock(copy: ArrayBuffer): void;
  /** Carries over what changed on either side; true where the peer's doorbell must be rung. */
  exchange(copy: ArrayBuffer): boolean;
  /** As `waitOnWord` of the addon, for a word of the region itself. */
  waitOnWord(byteOffset: number, expected: number, timeoutMs: number): void;
  unmap(): void;
}

/** To whom a file or directory belongs and who else may change it, as security identifiers of Windows. */
export interface FileAccess {
  readonly owner: string;
  /** Whether the owner is this user, or the system or its administrators, who may take everything anyway. */
  readonly isOwn: boolean;
  /** Somebody else who may change it; empty where nobody may. */
  readonly writer: string;
}

/** The addon's functions. `native/addon.cc` lists them; all are synchronous and throw a `SystemError`. */
export interface NativeBinding {
  /**
   * Makes and maps zeroed memory of a fixed size; the descriptor, which can be passed on, is the caller's to close.
   * `prefault` gives every page its memory now, so that a lack of it is an error here and no signal at the first touch.
   */
  createRegion(byteLength: number, prefault?: boolean): { buffer: ArrayBuffer; descriptor: number };
  /** Maps another process's region, if it has exactly that size and can't shrink. The descriptor stays the caller's. */
  attachRegion(descriptor: number, byteLength: number, prefault?: boolean): ArrayBuffer;
  /**
   * Detaches the buffer and gives the shared memory back. The addresses stay taken until the buffer is collected:
   * asynchronous work that still has a view of it reads and writes private memory there.
   */
  unmapRegion(buffer: ArrayBuffer): void;
  closeDescriptor(descriptor: number): void;
  /** Whether the runtime lets an `ArrayBuffer` stand on memory that it did not allocate. */
  supportsExternalBuffers(): boolean;
  /** Blocks this thread while the word is `expected`, until `wakeWord` or for `timeoutMs`. */
  waitOnWord(
    buffer: ArrayBuffer,
    byteOffset: number,
    expected: number,
    timeoutMs: number,
  ): 'woken' | 'changed' | 'timed-out';
  /** Wakes the threads that wait on the word; returns how many. */
  wakeWord(buffer: ArrayBuffer, byteOffset: number): number;
  /** This process, so that nobody takes another that gets its number later for it. */
  processIdentity(): { processId: number; startTime: bigint; userId: number };
  /** When a process started, in the unit of `processIdentity`; null where there is none of that number. */
  processStartTime(processId: number): bigint | null;
  /** Takes the directory's lock, or throws `EAGAIN` where somebody has it; closing the descriptor gives it back. */
  lockDirectory(path: string): number;
  /** The same for a file: a server keeps this lock of its discovery region for as long as it lives. */
  lockFile(path: string): number;
  /** Whether somebody holds the lock of a file. Throws `ENOENT` where there is none. */
  isFileLocked(path: string): boolean;
  /** Windows only, where modes say nothing: who may change a file or directory. */
  fileAccess?(path: string): FileAccess;
  /** Windows only: makes a directory that is this user's alone, and so is what is made in it. */
  makePrivateDirectory?(path: string): void;
  /**
   * Not on Windows: the number of the user of that name; null where there is none. May wait for a directory service.
   */
  readonly userIdOf?: (name: string) => number | null;
  /** The same for a group. */
  readonly groupIdOf?: (name: string) => number | null;
  /**
   * Linux only: gives users and groups `rights`, one digit of a mode, to a file, beside what its access list or, where
   * it has none, `mode` says. Throws `EOPNOTSUPP` where the file system keeps no access lists.
   */
  grantAccess?(path: string, mode: number, users: Uint32Array, groups: Uint32Array, rights: number): void;
  /** Removes the file when the process exits, also by `process.exit` or an uncaught exception. */
  removeAtExit(path: string): void;
  forgetAtExit(path: string): void;
  /**
   * How the watches that this thread starts from now on learn that a socket is readable: from libuv's event loop, or
   * from one thread of the addon's own. The addon itself chooses the first under Node.js, where it is faster, and the
   * second in runtimes without libuv, where the first gives `ENOTSUP`.
   */
  setWake(way: 'event-loop' | 'thread'): void;
  readonly LocalSocket: {
    listen(path: string, backlog: number): LocalSocket;
    connect(path: string): LocalSocket;
  };
  /** A region that this process can't map for JavaScript; for runtimes without external buffers. */
  readonly RegionCopy: {
    /** As `createRegion`, for the server's side. */
    create(byteLength: number, prefault?: boolean): { region: RegionCopy; descriptor: number };
    /** As `attachRegion`, for the client's side. */
    attach(descriptor: number, byteLength: number, prefault?: boolean): RegionCopy;
  };
  /**
   * The constants of `native/region_layout.h`: they tell which addon this is; a test compares them with
   * `region/layout.ts`.
   */
  readonly layout: Readonly<Record<string, number>>;
}

let loaded: Result<NativeBinding> | undefined;

/**
 * The addon, loaded at the first call and never at import. `SharedMemoryNotAvailable` says why it can't be used here;
 * the answer stays the same for the life of the thread, unless `setNativeBinding` gives one.
 */
export function loadNativeBinding(): Result<NativeBinding> {
  loaded ??= load();
  return loaded;
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

/** The same value, if it is the addon that belongs to this code. */
function checked(addon: unknown): NativeBinding {
  const binding = addon as Partial<NativeBinding>;
  const { magic, layoutVersion } = binding.layout ?? {};
  // The function that came last.
  const isWhole = binding.setWake !== undefined;
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

/** Whether the options of Node.js are what keeps the addon out. */
function isForbidden(error: unknown): boolean {
  return isSystemError(error) && (error.code === 'ERR_DLOPEN_DISABLED' || error.code === 'ERR_ACCESS_DENIED');
}

/**
 * The user that this process acts for at this moment. Costs no descriptor, where asking for the whole identity does.
 */
export function currentUserId(binding: NativeBinding): number {
  return process.geteuid?.() ?? binding.processIdentity().userId;
}

/**
 * Whether a value is a failure of the system, as the addon and Node.js throw it. Its class says nothing: in a test
 * framework with a global object of its own (Jest, Vitest's `vmThreads`), Node.js's errors are of another realm.
 */
export function isSystemError(error: unknown): error is SystemError {
  return typeof error === 'object' && error !== null && typeof (error as Partial<SystemError>).code === 'string';
}

/** What an unknown thrown value says, for the sentence of a `NetworkError`. An error of another realm is one, too. */
export function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null ? (error as Partial<Error>).message : undefined;
  return typeof message === 'string' ? message : String(error);
}
