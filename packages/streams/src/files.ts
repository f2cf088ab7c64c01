/**
 * Sends and receives whole files over a connection, from the disk of one side to the disk of the other. For Node.js.
 *
 * @packageDocumentation
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  checkConnection,
  describeThrown,
  err,
  type Failure,
  faultOfOptions,
  NetworkError,
  ok,
  printable,
  type Result,
  shortageOf,
} from '@entropynet/core';
import { ignoreRejection } from '@entropynet/core/platform';
import { Inbox } from './files/inbox.js';
import { type OnTransferProgress } from './files/progress.js';
import { type ReceivedFile, receiveInto } from './files/receive-file.js';
import { sendFrom, type SentFile, type TransferChannels } from './files/send-file.js';
import { type FileConnection } from './files/words.js';

export type { OnTransferProgress, TransferPhase, TransferProgress } from './files/progress.js';
export type { ReceivedFile } from './files/receive-file.js';
export type { SentFile } from './files/send-file.js';
export type { FileConnection } from './files/words.js';

/** The common options of `sendFile` and `receiveFile`. */
export interface FileOptions {
  /** The named channel for the file's bytes; the same on both sides. @default 'files' */
  readonly channel?: string;
  /** The named channel for messages about the transfer; the same on both sides. @default 'files-control' */
  readonly controlChannel?: string;
  /** Aborts the transfer. The received part stays in the receiver's folder for the next transfer. */
  readonly signal?: AbortSignal;
  /** A function that gets the progress. */
  readonly onProgress?: OnTransferProgress;
}

/** Options of `sendFile`. */
export interface SendFileOptions extends FileOptions {
  /** The name of the file on the other side. @default its own name */
  readonly name?: string;
}

/** Options of `receiveFile`. */
export interface ReceiveFileOptions extends FileOptions {
  /** The largest accepted file, in bytes. @default 64 GiB */
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
 * Sends a file to the other side's `receiveFile`. It resolves ok when the whole file is on the other side's disk and
 * its SHA-256 was checked. A slow receiver holds the sender back. If an earlier transfer was interrupted, it continues
 * after the received part. A pair of channels carries one transfer at a time. The channels stay open for the next one;
 * after a failure both are closed.
 *
 * `InvalidParameter`: the file can't be read. `Aborted`: the signal ended the transfer, or the other side refused; the
 * message has the reason. `Timeout`: the other side does not answer. `InvalidMessage`: it does not speak this protocol.
 * `AlreadyExists`: a channel has another consumer. Otherwise the error that ended the connection.
 */
export async function sendFile(
  connection: FileConnection,
  path: string,
  options: SendFileOptions = {},
): Promise<Result<SentFile>> {
  const fault = faultOfOptions('sendFile()', options, SEND_OPTIONS);
  if (fault !== undefined) return { ok: false, error: fault };
  checkConnection('sendFile()', connection);
  return transfer(connection, options, 'outgoing', path, (common) =>
    sendFrom(connection, { ...common, name: options.name ?? basename(path), open: () => openFile(path) }),
  );
}

/** Opens a file for reading. Throws if it is something else. */
async function openFile(path: string): Promise<FileHandle> {
  // Checked before `open`, because opening a pipe waits for its writer.
  if (!(await stat(path)).isFile()) throw new NetworkError('InvalidParameter', `${path} is not a file`);
  return await open(path, 'r');
}

/**
 * Receives one file into a folder, under the name that the sender chose. It resolves ok when the whole file is on the
 * disk: it reads the file back and checks its SHA-256. It replaces no file. It refuses a name that leads out of the
 * folder, or that some system treats as another file's name. The part of an interrupted file stays in the subfolder
 * `.entropynet-parts`, and the next transfer of that file continues after it. The errors are those of `sendFile`, and
 * these:
 *
 * `AlreadyExists`: the folder has a file of that name. `ResourceLimitExceeded`: the file is longer than `maxBytes`, or
 * the disk is full.
 */
export async function receiveFile(
  connection: FileConnection,
  folder: string,
  options: ReceiveFileOptions = {},
): Promise<Result<ReceivedFile>> {
  const fault = faultOfOptions('receiveFile()', options, RECEIVE_OPTIONS);
  if (fault !== undefined) return { ok: false, error: fault };
  const { maxBytes = DEFAULT_MAX_BYTES } = options;
  if (!(maxBytes >= 0))
    return err('InvalidParameter', `'maxBytes' was given ${maxBytes}; a number of 0 or more is allowed`);
  checkConnection('receiveFile()', connection);
  return transfer(connection, options, 'incoming', folder, (common) =>
    receiveInto(connection, { ...common, openInbox: () => Inbox.open(folder), maxBytes }),
  );
}

interface Common extends TransferChannels {
  readonly signal: AbortSignal;
  readonly onProgress: OnTransferProgress;
}

/** The channels that transfers use at this moment. The messages of both directions go over the control channel. */
const inUse = new WeakMap<FileConnection, Set<string>>();

/** Runs a transfer and returns its error. A transfer that fails closes its channels, because nobody reads the rest. */
async function transfer<T>(
  connection: FileConnection,
  options: FileOptions,
  direction: 'outgoing' | 'incoming',
  place: string,
  run: (common: Common) => Promise<T>,
): Promise<Result<T>> {
  const { channel = 'files', controlChannel = 'files-control', onProgress = (): void => undefined } = options;
  const signal = options.signal ?? new AbortController().signal;
  // There is no `await` before these lines, so a second transfer on a channel is refused, whatever the disk does first.
  const taken = inUse.get(connection) ?? new Set();
  inUse.set(connection, taken);
  const uses = new Map([
    [`control ${controlChannel}`, controlChannel],
    [`${direction} ${channel}`, channel],
  ]);
  for (const [use, name] of uses)
    if (taken.has(use)) return err('AlreadyExists', `another transfer uses the channel '${printable(name)}'`);
  for (const use of uses.keys()) taken.add(use);
  try {
    if (signal.aborted) {
      await Promise.all([connection.closeChannel(controlChannel), connection.closeChannel(channel)]);
      signal.throwIfAborted();
    }
    const report: OnTransferProgress = (progress) => {
      ignoreRejection(onProgress(progress));
    };
    return ok(await run({ channel, controlChannel, signal, onProgress: report }));
  } catch (error) {
    return failureOf(error, signal, place);
  } finally {
    for (const use of uses.keys()) taken.delete(use);
  }
}

/** @param place the file or folder of this side */
function failureOf(error: unknown, signal: AbortSignal, place: string): Failure {
  if (signal.aborted) {
    return err('Aborted', 'the transfer was aborted; what has arrived stays for the next one', signal.reason);
  }
  if (error instanceof NetworkError) return { ok: false, error };
  const shortage = shortageOf(error);
  if (shortage !== undefined) {
    const sentence = `the transfer failed at ${place}: ${shortage}; what has arrived stays for the next one`;
    return err('ResourceLimitExceeded', sentence, error);
  }
  const { code } = Object(error) as NodeJS.ErrnoException;
  const sentence = `the transfer failed: ${describeThrown(error)}`;
  return err(code === undefined ? 'CallbackFailed' : 'InvalidParameter', sentence, error);
}
