import { createHash } from 'node:crypto';
import { type FileHandle } from 'node:fs/promises';
import { CHANNEL_ASSET_UPLOAD } from '@entropynet/core';
import { type ConnectionHandle } from '@entropynet/manager';
import { CommandFailure, expectOk } from '../support/command-failure.js';
import { type FileHash, hashFile, type HashFile } from './file-hash.js';
import { type TransferView } from './transfer-view.js';
import { countIn, textIn, TRANSFER_TIMES, type TransferTimes, type Word, Words } from './words.js';

/** Bytes of one message: long enough to be fast, short enough for a bar that moves. */
const PIECE_BYTES = 256 * 1024;

/** More beginnings than a receiver offers are not looked at. */
const MAX_BEGINNINGS = 32;

/** What `sendFile` needs. */
export interface SendOptions {
  /** What the file is called there. */
  readonly name: string;
  /** Its bytes; the caller closes it. */
  readonly file: FileHandle;
  /** How many bytes it has. */
  readonly size: number;
  /** Aborts the transfer; what has arrived there stays for the next one. */
  readonly signal: AbortSignal;
  readonly view: TransferView;
  /** @default `TRANSFER_TIMES` */
  readonly times?: TransferTimes;
  /** @default `hashFile` */
  readonly hash?: HashFile;
}

/** A file that is on the other side's disk, whole. */
export interface SentFile {
  readonly name: string;
  readonly size: number;
  /** Bytes that went over this connection. */
  readonly sent: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** Sends one file to `receiveFile`. Throws a `CommandFailure` when it can't, with the other side's reason if it gave one. */
export async function sendFile(handle: ConnectionHandle, options: SendOptions): Promise<SentFile> {
  const { name, size, signal, view, times = TRANSFER_TIMES } = options;
  const words = new Words(handle, signal, times);
  words.onChecked = ({ checked, of }) => {
    view.show('other side checking', checked, of);
  };
  await words.open();
  expectOk(await handle.openChannel(CHANNEL_ASSET_UPLOAD));
  expectOk(await words.say({ name, size }));
  const { from, hash } = await findBeginning(words, options);
  await sendBytes(handle, words, hash, from, options);
  const sha256 = hash.digest('hex');
  expectOk(await words.say({ sha256 }));
  await words.next();
  return { name, size, sent: size - from, sha256 };
}

/** The longest beginning of the file that the other side has, and the hash behind it. */
async function findBeginning(words: Words, options: SendOptions): Promise<{ from: number; hash: FileHash }> {
  const { file, size, signal, view, hash: feed = hashFile } = options;
  const beginnings = beginningsIn(await words.next(), size);
  const total = beginnings.at(-1)?.have ?? 0;
  let found = { from: 0, hash: createHash('sha256') };
  const hash = createHash('sha256');
  let at = 0;
  const onProgress = (checked: number): void => {
    at = checked;
    view.show('checking', checked, total);
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
    view.show('checking', 0, total);
    await words.whileTalking(() => ({ checked: at, of: total }), check);
  }
  const { from } = found;
  expectOk(await words.say({ from, ...(from > 0 && { sha256: found.hash.copy().digest('hex') }) }));
  return found;
}

/** In order of length; those of no bytes are left out. */
function beginningsIn(offer: Word, size: number): { readonly have: number; readonly sha256: string }[] {
  const others = Array.isArray(offer['others']) ? (offer['others'] as unknown[]).slice(0, MAX_BEGINNINGS) : [];
  return [offer, ...others.map((each) => Object(each) as Word)]
    .map((each) => ({ have: countIn(each, 'have', size), sha256: textIn(each, 'sha256') }))
    .filter(({ have }) => have > 0)
    .sort((a, b) => a.have - b.have);
}

async function sendBytes(
  handle: ConnectionHandle,
  words: Words,
  hash: FileHash,
  from: number,
  { file, size, signal, view }: SendOptions,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  const stop = AbortSignal.any([signal, words.broken]);
  view.show('moving', from, size, from);
  for (let at = from; at < size;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(PIECE_BYTES, size - at), at);
    if (bytesRead === 0) throw new CommandFailure(`the file became shorter while it was sent: ${at} of ${size} bytes`);
    const piece = buffer.subarray(0, bytesRead);
    const sent = await handle.sendOnChannel(CHANNEL_ASSET_UPLOAD, piece, { signal: stop });
    if (!sent.ok) {
      // After its end a connection still gives what arrived before: the reason, for one.
      if (!handle.isConnected()) await words.heardOut;
      if (words.broken.aborted) throw words.broken.reason as CommandFailure;
      expectOk(sent);
    }
    hash.update(piece);
    at += bytesRead;
    view.show('moving', at, size, from);
  }
}
