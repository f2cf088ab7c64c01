import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  opendir,
  readdir,
  realpath,
  rename,
  rmdir,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { NetworkError } from '@entropynet/core';
import { foldedName } from './file-name.js';

/** A subfolder of the folder. No sender can choose a name that starts with a dot. */
const PARTS_FOLDER = '.entropynet-parts';

/** The largest number of parts of one file that this side offers to its sender. */
const MAX_BEGINNINGS = 8;

/** The folders and names that transfers of this process use, so that no two write one file. */
const reserved = new Set<string>();

/** The paths of the parts that transfers of this process use. */
const inUse = new Set<string>();

/** A folder for received files. */
export class Inbox {
  readonly #folder: string;
  readonly #linkFile: typeof link;

  /**
   * Use `Inbox.open`.
   * @param folder the real path, because the folder's names and parts in use are found by it
   */
  protected constructor(folder: string, linkFile: typeof link = link) {
    this.#folder = folder;
    this.#linkFile = linkFile;
  }

  /**
   * Opens a folder. All inboxes of one folder share its names, also if a symbolic link leads to it. Throws the system's
   * error if there is no such folder, or this process may not read it.
   * @param linkFile gives a file a second name; some file systems can't do that
   */
  static async open(folder: string, linkFile?: typeof link): Promise<Inbox> {
    await (await opendir(folder)).close();
    return new Inbox(await realpath(folder), linkFile);
  }

  /**
   * Reserves a name for one transfer, before the first `await`. `name` has passed `checkFileName`. Throws a
   * `NetworkError` (`AlreadyExists`) while another transfer uses the name, or one that some file system takes for it.
   */
  reserve(name: string): ReservedName {
    const key = `${this.#folder}\0${foldedName(name)}`;
    if (reserved.has(key)) throw new NetworkError('AlreadyExists', `'${name}' is being received from another sender`);
    const reservation = new ReservedName(this.#folder, name, key, this.#linkFile);
    // Last: only a reservation can release its name.
    reserved.add(key);
    return reservation;
  }
}

/** The name of one transfer, with the parts that it may continue. */
export class ReservedName {
  readonly #folder: string;
  readonly #name: string;
  readonly #key: string;
  readonly #partsFolder: string;
  readonly #prefix: string;
  readonly #linkFile: typeof link;
  readonly #parts = new Set<Part>();

  constructor(folder: string, name: string, key: string, linkFile: typeof link) {
    this.#linkFile = linkFile;
    this.#folder = folder;
    this.#name = name;
    this.#key = key;
    this.#partsFolder = join(folder, PARTS_FOLDER);
    // A hash, because it has the same short form for a name of any length and script.
    this.#prefix = createHash('sha256').update(name).digest('hex').slice(0, 32);
  }

  /**
   * Throws a `NetworkError` (`AlreadyExists`) if the folder has the name, or one that some file system takes for it.
   */
  async checkFree(): Promise<void> {
    const folded = foldedName(this.#name);
    const there = (await readdir(this.#folder)).find((name) => foldedName(name) === folded);
    if (there !== undefined) throw this.#exists(there);
    // This finds a name that the file system refuses before the bytes are sent.
    await lstat(join(this.#folder, this.#name)).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
  }

  /**
   * Returns the parts that broken transfers of this name left, each at most `most` bytes long, the latest first. It
   * omits parts of running transfers.
   */
  async beginnings(most: number): Promise<Part[]> {
    await checkPartsFolder(this.#partsFolder);
    const files = await readdir(this.#partsFolder).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    });
    const parts: Part[] = [];
    for (const file of files.filter((each) => each.startsWith(`${this.#prefix}.`))) {
      const part = await this.#claim(file);
      if (part === undefined) continue;
      const { size } = part;
      if (size > 0 && size <= most) parts.push(part);
      else await this.#letGo(part);
    }
    parts.sort((a, b) => b.writtenAt - a.writtenAt);
    for (const part of parts.splice(MAX_BEGINNINGS)) await this.#letGo(part);
    return parts;
  }

  /** Makes a new, empty part. */
  async create(): Promise<Part> {
    const path = this.#freshPath();
    const make = async (): Promise<FileHandle> => {
      await mkdir(this.#partsFolder, { mode: 0o700 }).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error;
      });
      return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o644);
    };
    const file = await make().catch((error: unknown) => {
      // Another process removed the empty folder in between.
      if (codeOf(error) === 'ENOENT') return make();
      throw error;
    });
    return this.#hold({ path, file, size: 0, writtenAt: 0 });
  }

  /** Gives the whole file its name, and replaces no file. Then the part is removed, and the name is on the disk. */
  async publish(part: Part): Promise<void> {
    await part.file.close();
    const path = join(this.#folder, this.#name);
    try {
      // A rename would replace a file that was made meanwhile.
      await this.#linkFile(part.path, path);
      await unlink(part.path);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw this.#exists(this.#name);
      if (!WITHOUT_LINKS.has(codeOf(error))) throw error;
      await this.checkFree();
      await rename(part.path, path);
    }
    this.#drop(part);
    await syncFolder(this.#folder);
  }

  /** Closes and removes a part whose bytes can't be trusted. */
  async discard(part: Part): Promise<void> {
    this.#drop(part);
    await part.file.close();
    await removeFile(part.path);
  }

  /** Releases the name and the parts. Parts with bytes stay for the next transfer. */
  async release(): Promise<void> {
    try {
      const outcomes = await Promise.allSettled([...this.#parts].map((part) => this.#letGo(part)));
      // This fails while the folder has parts.
      await rmdir(this.#partsFolder).catch(() => undefined);
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    } finally {
      reserved.delete(this.#key);
    }
  }

  /** Takes a part that no running process uses; undefined if another process was faster. */
  async #claim(file: string): Promise<Part | undefined> {
    const owner = Number(/^[0-9a-f]{32}\.(\d+)\.[0-9a-f]{8}\.part$/.exec(file)?.[1] ?? NaN);
    const old = join(this.#partsFolder, file);
    if (!Number.isSafeInteger(owner) || inUse.has(old) || (owner !== process.pid && isAlive(owner))) return undefined;
    const path = this.#freshPath();
    inUse.add(path);
    try {
      await rename(old, path);
      const opened = await open(path, constants.O_RDWR | NO_FOLLOW);
      const { size, mtimeMs, nlink } = await opened.stat().catch(async (error: unknown) => {
        await opened.close();
        throw error;
      });
      const part = this.#hold({ path, file: opened, size, writtenAt: mtimeMs });
      if (nlink === 1) return part;
      // A transfer ended after it gave the file its name and before it removed the part. These bytes belong to a
      // received file.
      await this.discard(part);
    } catch (error) {
      inUse.delete(path);
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    return undefined;
  }

  async #letGo(part: Part): Promise<void> {
    const { size } = await part.file.stat().catch(() => ({ size: -1 }));
    // After any failure here, this transfer does not own the part.
    this.#drop(part);
    await part.file.close();
    if (size === 0) await removeFile(part.path);
  }

  #hold(part: Part): Part {
    inUse.add(part.path);
    this.#parts.add(part);
    return part;
  }

  #drop(part: Part): void {
    inUse.delete(part.path);
    this.#parts.delete(part);
  }

  /** The file's name contains the process id, so that others can see if the process runs. */
  #freshPath(): string {
    return join(this.#partsFolder, `${this.#prefix}.${process.pid}.${randomBytes(4).toString('hex')}.part`);
  }

  #exists(there: string): NetworkError {
    const name = this.#name;
    if (there === name) return new NetworkError('AlreadyExists', `there is a '${name}' already`);
    return new NetworkError(
      'AlreadyExists',
      `there is a '${there}' already, and some file systems treat '${name}' as the same name`,
    );
  }
}

/** The received part of a file. */
export interface Part {
  readonly path: string;
  readonly file: FileHandle;
  /** Its size in bytes when it was opened. */
  readonly size: number;
  /** The time of the last write, in milliseconds since the epoch. */
  readonly writtenAt: number;
}

/** Windows has no such flag. */
const NO_FOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0;

/** The errors of file systems without second names for a file, such as FAT. */
const WITHOUT_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);

/** Removes a file. Another process may have removed it before. */
async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

async function checkPartsFolder(path: string): Promise<void> {
  const status = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (status?.isDirectory() === false)
    throw new NetworkError('InvalidParameter', `'${PARTS_FOLDER}' in the folder is not a folder`);
}

/**
 * Writes the folder to the disk, because only then a new name survives a crash of the system. Windows has no such call.
 */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems do not support it.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') throw error;
  } finally {
    await folder.close();
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
