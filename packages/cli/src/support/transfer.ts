import { createHash } from 'node:crypto';
import { type FileHandle } from 'node:fs/promises';
import { CHANNEL_CONTROL, type Result } from '@entropynet/core';
import { type ConnectionHandle } from '@entropynet/manager';
import { CommandFailure, expectOk } from './command-failure.js';

/*
 * A file's way, between `send` and `receive`. The file's bytes go over the channel for assets, in order; what both sides
 * say of it goes as one JSON object a message over the channel for control:
 *
 *   sender    { name, size }              what it offers
 *   receiver  { have, sha256 }            how many bytes of it are here from a transfer that broke, and their hash
 *   sender    { from }                    where it goes on: `have`, or 0 where those bytes are others
 *   sender    { sha256 }                  after the last byte: the whole file's hash
 *   receiver  { done } or { refused }     at any time; `refused` has the reason and ends it
 */

/** Bytes of one message: long enough to be fast, short enough for a bar that moves. */
export const PIECE_BYTES = 256 * 1024;

/** How long either side waits for the other's word. */
const ANSWER_LIMIT_MS = 30_000;

/** What one side said. */
export type Word = Readonly<Record<string, unknown>>;

/** The control channel of a transfer: one word after the other. */
export class Words {
  readonly #handle: ConnectionHandle;
  readonly #messages: AsyncIterator<Uint8Array, undefined>;
  readonly #signal: AbortSignal;

  private constructor(handle: ConnectionHandle, signal: AbortSignal) {
    this.#handle = handle;
    this.#signal = signal;
    this.#messages = handle.messages({ channel: CHANNEL_CONTROL, signal });
  }

  static async open(handle: ConnectionHandle, signal: AbortSignal): Promise<Words> {
    const words = new Words(handle, signal);
    expectOk(await handle.openChannel(CHANNEL_CONTROL));
    return words;
  }

  say(word: Word): Promise<Result> {
    return this.#handle.sendOnChannel(CHANNEL_CONTROL, new TextEncoder().encode(JSON.stringify(word)), {
      signal: this.#signal,
    });
  }

  /** The other side's next word. A refusal, an end, or what is no word, ends the transfer. */
  async next(limitMs = ANSWER_LIMIT_MS): Promise<Word> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new CommandFailure(`the other side said nothing for ${limitMs} ms: is it "entropynet receive"?`));
      }, limitMs);
    });
    try {
      const taken: IteratorResult<Uint8Array, undefined> = await Promise.race([this.#messages.next(), late]);
      if (taken.done === true) throw new CommandFailure('the other side left before the transfer was over');
      const word = wordOf(taken.value);
      if (typeof word['refused'] === 'string') throw new CommandFailure(`the other side refused: ${word['refused']}`);
      return word;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A whole number from 0 to `most` in a word. */
export function countIn(word: Word, key: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = word[key];
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most) return value as number;
  throw new CommandFailure(
    `the other side said ${JSON.stringify(word)}; '${key}' has to be a number from 0 to ${most}`,
  );
}

/** A text in a word. */
export function textIn(word: Word, key: string): string {
  const value = word[key];
  if (typeof value === 'string') return value;
  throw new CommandFailure(`the other side said ${JSON.stringify(word)}; '${key}' has to be a text`);
}

/** A hash that already has the first `length` bytes of a file; fewer where the file is shorter. */
export async function hashOfBeginning(file: FileHandle, length: number): Promise<ReturnType<typeof createHash>> {
  const hash = createHash('sha256');
  if (length === 0) return hash;
  for await (const chunk of file.createReadStream({ start: 0, end: length - 1, autoClose: false }))
    hash.update(chunk as Buffer);
  return hash;
}

function wordOf(bytes: Uint8Array): Word {
  try {
    const word: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof word === 'object' && word !== null && !Array.isArray(word)) return word as Word;
  } catch {
    // Said below.
  }
  throw new CommandFailure('the other side does not speak the protocol of "entropynet send" and "receive"');
}
