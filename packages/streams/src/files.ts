/**
 * Files over a connection, for Node.js: from the disk of one side to the disk of the other, whole or not at all.
 *
 * @packageDocumentation
 */
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { checkConnection, err, type Failure, faultOfOptions, NetworkError, ok, type Result } from '@entropynet/core';
import { Inbox } from './files/inbox.js';
import { type OnTransferProgress } from './files/progress.js';
import { reasonOf, type ReceivedFile, receiveInto } from './files/receive-file.js';
import { sendOpenFile, type SentFile, type TransferChannels } from './files/send-file.js';
import { type FileConnection } from './files/words.js';

export type { OnTransferProgress, TransferPhase, TransferProgress } from './files/progress.js';
export type { ReceivedFile } from './files/receive-file.js';
export type { SentFile } from './files/send-file.js';
export type { FileConnection } from './files/words.js';

/** What both sides of a transfer may set. */
export interface FileOptions {
  /** The named channel for the file's bytes; the same on both sides. @default 'files' */
  readonly channel?: string;
  /** The named channel for what both sides say of the file; the same on both sides. @default 'files-control' */
  readonly controlChannel?: string;
  /** Gives the transfer up. What has arrived stays in the receiver's folder for the next one. */
  readonly signal?: AbortSignal;
  /** Hears how far it is. */
  readonly onProgress?: OnTransferProgress;
}

/** Options of `sendFile`. */
export interface SendFileOptions extends FileOptions {
  /** What the file is called on the other side. @default its own name */
  readonly name?: string;
}

/** Options of `receiveFile`. */
export interface ReceiveFileOptions extends FileOptions {
  /** The largest file that is taken, in bytes. @default 64 GiB */
  readonly maxBytes?: number;
}

const FILE_OPTIONS = {
  channel: 'a string',
  controlChannel: 'a string',
  signal: 'an AbortSignal',
  onProgress: 'a function',
} as const;
const SEND_OPTIONS = { ...FILE_OPTIONS, name: 'a string' } as const;
const RECEIVE_OPTIONS = { ...FILE_OPTIONS, maxBytes: 'a number' } as const;

const DEFAULT_MAX_BYTES = 64 * 1024 ** 3;

/**
 * Sends a file to the other side's `receiveFile`. Ok when the file is on the other side's disk, whole and checked by its
 * SHA-256. A slow receiver holds the sender back. A file of which a part arrived before goes on behind that part. One
 * transfer at a time on a pair of channels, which stay open for the next one; after a failure both are closed.
 *
 * `InvalidParameter`: the file can't be read; `Aborted`: by the signal, or the other side refused, with its reason;
 * `Timeout`: the other side says nothing; `InvalidMessage`: it does not speak this protocol; `AlreadyExists`: another
 * consumer has a channel's messages; otherwise why the connection ended.
 */
export async function sendFile(
  connection: FileConnection,
  path: string,
  options: SendFileOptions = {},
): Promise<Result<SentFile>> {
  const fault = faultOfOptions('sendFile()', options, SEND_OPTIONS);
  if (fault !== undefined) return { ok: false, error: fault };
  checkConnection('sendFile()', connection);
  return transfer(connection, options, async (common) => {
    // Before it is opened: opening a pipe waits for its writer.
    if (!(await stat(path)).isFile()) throw new NetworkError('InvalidParameter', `${path} is not a file`);
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      return await sendOpenFile(connection, { ...common, name: options.name ?? basename(path), file, size });
    } finally {
      await file.close();
    }
  });
}

/**
 * Receives one file into a folder, under the name that the sender gives it. Ok when it is on the disk, whole: its SHA-256 was
 * read back from there. Nothing is replaced, and a name that could lead out of the folder, or that some system takes for
 * another one, is refused. What arrives of a file that breaks off stays in the folder `.entropynet-parts` inside, and the
 * next transfer of that file goes on behind it. Fails as `sendFile` does.
 *
 * `AlreadyExists`: also where the folder has that name; `ResourceLimitExceeded`: the file is longer than `maxBytes`, or the
 * disk is full.
 */
export async function receiveFile(
  connection: FileConnection,
  folder: string,
  options: ReceiveFileOptions = {},
): Promise<Result<ReceivedFile>> {
  const fault = faultOfOptions('receiveFile()', options, RECEIVE_OPTIONS);
  if (fault !== undefined) return { ok: false, error: fault };
  const { maxBytes = DEFAULT_MAX_BYTES } = options;
  if (!(maxBytes >= 0)) return err('InvalidParameter', `'maxBytes' was given ${maxBytes}; 0 and more is allowed`);
  checkConnection('receiveFile()', connection);
  return transfer(connection, options, async (common) => {
    if (!(await stat(folder)).isDirectory()) throw new NetworkError('InvalidParameter', `${folder} is not a folder`);
    return receiveInto(connection, { ...common, inbox: new Inbox(folder), maxBytes });
  });
}

interface Common extends TransferChannels {
  readonly signal: AbortSignal;
  readonly onProgress: OnTransferProgress;
}

/** Runs a transfer; its failure becomes a result, and its channels are closed: nobody reads the rest of it. */
async function transfer<T>(
  connection: FileConnection,
  options: FileOptions,
  run: (common: Common) => Promise<T>,
): Promise<Result<T>> {
  const { channel = 'files', controlChannel = 'files-control', onProgress = (): void => undefined } = options;
  const signal = options.signal ?? new AbortController().signal;
  try {
    signal.throwIfAborted();
    return ok(await run({ channel, controlChannel, signal, onProgress }));
  } catch (error) {
    const failure = failureOf(error, signal);
    // A channel that another consumer has is not this transfer's to close.
    if (failure.error.code !== 'AlreadyExists') {
      await Promise.all([connection.closeChannel(controlChannel), connection.closeChannel(channel)]);
    }
    return failure;
  }
}

/** What file systems say when a disk, a quota or the process' descriptors are used up. */
const USED_UP = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EFBIG']);

function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (signal.aborted) {
    return err('Aborted', 'the transfer was aborted; what has arrived stays for the next one', signal.reason);
  }
  if (error instanceof NetworkError) return { ok: false, error };
  const { code } = error as NodeJS.ErrnoException;
  const sentence = `the transfer failed: ${reasonOf(error)}`;
  if (code === undefined) return err('CallbackFailed', sentence, error);
  return err(USED_UP.has(code) ? 'ResourceLimitExceeded' : 'InvalidParameter', sentence, error);
}
