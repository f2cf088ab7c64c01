import { createHash } from 'node:crypto';
import { describeThrown, NetworkError, shortageOf, unwrap } from '@entropynet/core';
import { hashFile, type HashFile } from './file-hash.js';
import { checkFileName } from './file-name.js';
import { FilePieces } from './file-pieces.js';
import { type Inbox, type Part, type ReservedName } from './inbox.js';
import { type OnTransferProgress, type TransferPhase } from './progress.js';
import { type TransferChannels } from './send-file.js';
import {
  countIn,
  type FileConnection,
  hashIn,
  nonsense,
  textIn,
  TRANSFER_TIMES,
  type TransferTimes,
  type Word,
  Words,
} from './words.js';

/** The options of `receiveInto`. */
export interface ReceiveOptions extends TransferChannels {
  /** Opens the folder for the file. An error of it ends the transfer. */
  readonly openInbox: () => Promise<Inbox>;
  /** The largest accepted file, in bytes. */
  readonly maxBytes: number;
  /** Aborts the transfer. The received part stays for the next one. */
  readonly signal: AbortSignal;
  readonly onProgress: OnTransferProgress;
  /** @default `TRANSFER_TIMES` */
  readonly times?: TransferTimes;
  /** @default `hashFile` */
  readonly hash?: HashFile;
}

/** A whole file in the folder. */
export interface ReceivedFile {
  /** The name of the file on the receiving side. */
  readonly name: string;
  /** The size of the file in bytes. */
  readonly size: number;
  /** The number of bytes that came over this connection. */
  readonly received: number;
  /** The SHA-256 of the file on the disk, in hexadecimal digits. */
  readonly sha256: string;
}

/** The file's bytes, and the signal that ends them early. */
interface Incoming {
  readonly pieces: FilePieces;
  readonly fault: AbortSignal;
}

/** Receives one file. Throws the error that prevented it. The sender gets the reason. */
export async function receiveInto(connection: FileConnection, options: ReceiveOptions): Promise<ReceivedFile> {
  const { signal, channel, controlChannel, times = TRANSFER_TIMES } = options;
  // This side receives from both channels before the first `await`, so that no message waits for a consumer.
  const words = new Words(connection, controlChannel, signal, times);
  let pieces: FilePieces | undefined;
  let offered: string | undefined;
  try {
    const fault = faultOf(words);
    pieces = new FilePieces(connection, channel, AbortSignal.any([signal, fault]));
    const inbox = await options.openInbox();
    await words.open();
    const file = await takeFile(words, { pieces, fault }, inbox, options, (name) => {
      offered = name;
    });
    // The file is on the disk, even if the sender has gone meanwhile.
    await words.say({ done: true });
    return file;
  } catch (error) {
    // If the sender has gone, this message gets lost.
    await words.say({ refused: reasonOf(error, offered) });
    // Without its own consumer of the bytes, this transfer must not close their channel.
    if (pieces !== undefined) await Promise.all([words.abandon(), pieces.abandon()]);
    throw error;
  } finally {
    pieces?.release();
    words.release();
  }
}

/**
 * Aborts if the other side breaks the protocol or refuses. A peer that leaves does not abort it, because its messages
 * are still useful.
 */
function faultOf(words: Words): AbortSignal {
  const fault = new AbortController();
  words.broken.addEventListener('abort', () => {
    if (!words.hasLeft) fault.abort(words.broken.reason);
  });
  return fault.signal;
}

async function takeFile(
  words: Words,
  incoming: Incoming,
  inbox: Inbox,
  options: ReceiveOptions,
  onOffered: (name: string) => void,
): Promise<ReceivedFile> {
  const offer = await words.next();
  const name = checkFileName(textIn(offer, 'name'));
  onOffered(name);
  incoming.pieces.begin();
  const size = countIn(offer, 'size');
  if (size > options.maxBytes)
    throw new NetworkError(
      'ResourceLimitExceeded',
      `'${name}' has ${size} bytes; at most ${options.maxBytes} are allowed (maxBytes)`,
    );
  const reservation = inbox.reserve(name);
  // There is no `await` between the offer and this line, so a second sender of the name is refused.
  try {
    return await new Arrival(words, reservation, { name, size }, options).take(incoming);
  } finally {
    await reservation.release();
  }
}

/** One file that is being received. */
class Arrival {
  readonly #words: Words;
  readonly #reservation: ReservedName;
  readonly #file: { readonly name: string; readonly size: number };
  readonly #options: ReceiveOptions;

  constructor(
    words: Words,
    reservation: ReservedName,
    file: { readonly name: string; readonly size: number },
    options: ReceiveOptions,
  ) {
    this.#words = words;
    this.#reservation = reservation;
    this.#file = file;
    this.#options = options;
    words.onChecked = ({ checked, of }) => {
      this.#show('other side checking', checked, of);
    };
  }

  async take(incoming: Incoming): Promise<ReceivedFile> {
    const { name, size } = this.#file;
    await this.#reservation.checkFree();
    const { part, from } = await this.#choosePart();
    await this.#takeBytes(incoming, part, from);
    await part.file.sync();
    // The hash of the file on the disk, not of the received bytes, because only the file counts.
    const sha256 = await this.#hashOf(part, size, 'checking');
    const expected = hashIn(await this.#words.next());
    if (sha256 !== expected) {
      // The part can't be trusted, so the next attempt starts without it.
      await this.#reservation.discard(part);
      throw nonsense(`'${name}' arrived damaged: its SHA-256 is ${sha256}, not ${expected}`);
    }
    await this.#reservation.publish(part);
    return { name, size, received: size - from, sha256 };
  }

  /** Offers the existing parts. The sender chooses the one that belongs to its file, or none. */
  async #choosePart(): Promise<{ part: Part; from: number }> {
    const beginnings: { readonly part: Part; readonly have: number; readonly sha256: string }[] = [];
    for (const part of await this.#reservation.beginnings(this.#file.size))
      beginnings.push({ part, have: part.size, sha256: await this.#hashOf(part, part.size, 'checking') });
    const [first = { have: 0, sha256: createHash('sha256').digest('hex') }, ...others] = beginnings.map(
      ({ have, sha256 }) => ({ have, sha256 }),
    );
    unwrap(await this.#words.say({ ...first, ...(others.length > 0 && { others }) }));
    const answer = await this.#words.next();
    const from = countIn(answer, 'from', this.#file.size);
    // The part of another file stays for its sender.
    if (from === 0) return { part: await this.#reservation.create(), from };
    const chosen = beginnings.find((each) => each.have === from && isMeant(answer, each.sha256));
    if (chosen !== undefined) return { part: chosen.part, from };
    const offered = beginnings.map(({ have }) => have).join(', ');
    throw nonsense(`the sender continues at ${from}; this side offered to continue at 0${offered && ', '}${offered}`);
  }

  async #takeBytes({ pieces, fault }: Incoming, part: Part, from: number): Promise<void> {
    const { name, size } = this.#file;
    this.#show('moving', from, size, from);
    for (let at = from; at < size;) {
      const piece = await pieces.next();
      if (fault.aborted) throw fault.reason as NetworkError;
      if (piece === undefined)
        throw new NetworkError(
          'ConnectionClosed',
          `'${name}' stopped at ${at} of ${size} bytes; send it again to continue`,
        );
      if (at + piece.length > size) throw nonsense(`the sender sent more than the ${size} bytes of '${name}'`);
      for (let written = 0; written < piece.length;)
        written += (await part.file.write(piece, written, piece.length - written, at + written)).bytesWritten;
      at += piece.length;
      this.#show('moving', at, size, from);
    }
  }

  #show(phase: TransferPhase, done: number, total: number, from = 0): void {
    this.#options.onProgress({ name: this.#file.name, phase, done, total, from });
  }

  async #hashOf({ file }: Part, length: number, phase: TransferPhase): Promise<string> {
    const { signal, hash: feed = hashFile } = this.#options;
    const hash = createHash('sha256');
    let checked = 0;
    this.#show(phase, 0, length);
    await this.#words.whileTalking(
      () => ({ checked, of: length }),
      () =>
        feed(
          hash,
          file,
          { start: 0, end: length },
          {
            signal,
            onProgress: (at) => {
              checked = at;
              this.#show(phase, at, length);
            },
          },
        ),
    );
    return hash.digest('hex');
  }
}

/** Whether the sender means this part. Senders of an earlier version know one part and send no hash. */
function isMeant(answer: Word, sha256: string): boolean {
  return answer['sha256'] === undefined || answer['sha256'] === sha256;
}

/**
 * Returns a sentence for the sender: the resource that is used up here, or the system's error without the paths of this
 * machine.
 * @param name the name of the offered file
 */
function reasonOf(error: unknown, name: string | undefined): string {
  const shortage = shortageOf(error);
  if (shortage !== undefined) {
    const what = name === undefined ? 'a file' : `'${name}'`;
    return `it can't store ${what}; its reason: ${shortage}; send it again to continue where it stopped`;
  }
  const { code } = Object(error) as NodeJS.ErrnoException;
  const message = describeThrown(error);
  return error instanceof NetworkError || code === undefined ? message : (message.split(', ')[0] ?? code);
}
