import { createHash } from 'node:crypto';
import { type FileHandle } from 'node:fs/promises';
import { NetworkError, unwrap } from '@entropynet/core';
import { type FileHash, hashFile, type HashFile } from './file-hash.js';
import { type OnTransferProgress, type TransferPhase } from './progress.js';
import { countIn, type FileConnection, textIn, TRANSFER_TIMES, type TransferTimes, type Word, Words } from './words.js';

/** The length of one message, in bytes: long enough to be fast, short enough for a progress bar. */
const PIECE_BYTES = 256 * 1024;

/** The sender ignores further parts, because a receiver offers fewer. */
const MAX_BEGINNINGS = 32;

/** The channels of a transfer. */
export interface TransferChannels {
  /** The channel of the file's bytes. */
  readonly channel: string;
  /** The channel of the messages about the file. */
  readonly controlChannel: string;
}

/** The options of `sendFrom`. */
export interface SendOptions extends TransferChannels {
  /** The name of the file on the other side. */
  readonly name: string;
  /** Opens the file. `sendFrom` closes it. */
  readonly open: () => Promise<FileHandle>;
  /** Aborts the transfer. The part on the other side stays for the next one. */
  readonly signal: AbortSignal;
  readonly onProgress: OnTransferProgress;
  /** @default `TRANSFER_TIMES` */
  readonly times?: TransferTimes;
  /** @default `hashFile` */
  readonly hash?: HashFile;
}

/** A whole file on the other side's disk. */
export interface SentFile {
  /** The name of the file on the receiving side. */
  readonly name: string;
  /** The size of the file in bytes. */
  readonly size: number;
  /** The number of bytes that went over this connection. */
  readonly sent: number;
  /** The SHA-256 of the file, in hexadecimal digits. */
  readonly sha256: string;
}

/** Options, and the open file with its size in bytes. */
interface OpenFile extends SendOptions {
  readonly file: FileHandle;
  readonly size: number;
}

/** Sends a file. Throws the error that prevented it: the other side's reason if it gave one. */
export async function sendFrom(connection: FileConnection, options: SendOptions): Promise<SentFile> {
  const { signal, controlChannel, times = TRANSFER_TIMES } = options;
  const words = new Words(connection, controlChannel, signal, times);
  let file: FileHandle | undefined;
  try {
    words.onChecked = ({ checked, of }) => {
      show(options, 'other side checking', checked, of);
    };
    file = await options.open();
    const { size } = await file.stat();
    return await offer(connection, words, { ...options, file, size });
  } catch (error) {
    await Promise.all([words.abandon(), connection.closeChannel(options.channel)]);
    throw error;
  } finally {
    words.release();
    await file?.close();
  }
}

async function offer(connection: FileConnection, words: Words, options: OpenFile): Promise<SentFile> {
  const { name, size, signal, channel } = options;
  await words.open();
  unwrap(await connection.openChannel(channel, { signal }));
  await words.expectSent(await words.say({ name, size }));
  const { from, hash } = await findBeginning(words, options);
  await sendBytes(connection, words, hash, from, options);
  const sha256 = hash.digest('hex');
  await words.expectSent(await words.say({ sha256 }));
  await words.next();
  return { name, size, sent: size - from, sha256 };
}

function show({ name, onProgress }: SendOptions, phase: TransferPhase, done: number, total: number, from = 0): void {
  onProgress({ name, phase, done, total, from });
}

/** Returns the length of the longest part of the file that the other side has, and the hash up to there. */
async function findBeginning(words: Words, options: OpenFile): Promise<{ from: number; hash: FileHash }> {
  const { file, size, signal, hash: feed = hashFile } = options;
  const beginnings = beginningsIn(await words.next(), size);
  const total = beginnings.at(-1)?.have ?? 0;
  let found = { from: 0, hash: createHash('sha256') };
  const hash = createHash('sha256');
  let at = 0;
  const onProgress = (checked: number): void => {
    at = checked;
    show(options, 'checking', checked, total);
  };
  const check = async (): Promise<void> => {
    for (const { have, sha256 } of beginnings) {
      await feed(hash, file, { start: at, end: have }, { signal: AbortSignal.any([signal, words.broken]), onProgress });
      at = have;
      const far = hash.copy();
      if (far.copy().digest('hex') === sha256) found = { from: have, hash: far };
    }
  };
  if (total > 0) {
    show(options, 'checking', 0, total);
    await words.whileTalking(() => ({ checked: at, of: total }), check);
  }
  const { from } = found;
  await words.expectSent(await words.say({ from, ...(from > 0 && { sha256: found.hash.copy().digest('hex') }) }));
  return found;
}

/** Returns the offered parts in order of length, without empty ones. */
function beginningsIn(offer: Word, size: number): { readonly have: number; readonly sha256: string }[] {
  const others = Array.isArray(offer['others']) ? (offer['others'] as unknown[]).slice(0, MAX_BEGINNINGS) : [];
  return [offer, ...others.map((each) => Object(each) as Word)]
    .map((each) => ({ have: countIn(each, 'have', size), sha256: textIn(each, 'sha256') }))
    .filter(({ have }) => have > 0)
    .sort((a, b) => a.have - b.have);
}

async function sendBytes(
  connection: FileConnection,
  words: Words,
  hash: FileHash,
  from: number,
  options: OpenFile,
): Promise<void> {
  const { file, size, signal, channel } = options;
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  const stop = AbortSignal.any([signal, words.broken]);
  show(options, 'moving', from, size, from);
  for (let at = from; at < size;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(PIECE_BYTES, size - at), at);
    if (bytesRead === 0)
      throw new NetworkError('Aborted', `the file became shorter while it was sent: ${at} of ${size} bytes`);
    const piece = buffer.subarray(0, bytesRead);
    const sent = await connection.sendOnChannel(channel, piece, { signal: stop });
    await words.expectSent(sent);
    hash.update(piece);
    at += bytesRead;
    show(options, 'moving', at, size, from);
  }
}
