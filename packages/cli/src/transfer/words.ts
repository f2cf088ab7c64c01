import { setTimeout as startTimer, clearTimeout as stopTimer } from 'node:timers';
import { CHANNEL_CONTROL, type Result } from '@entropynet/core';
import { type ConnectionHandle } from '@entropynet/manager';
import { CommandFailure, expectOk } from '../support/command-failure.js';

/*
 * What both sides of a transfer say. The file's bytes go over the channel for assets, in order. What both sides say of the
 * file goes over the channel for control, as one JSON object in each message:
 *
 *   sender    { name, size }              what it offers
 *   receiver  { have, sha256, others }    how many bytes of the file may be here from a transfer that broke, and their hash;
 *                                         `others`: further beginnings, a list of { have, sha256 }
 *   sender    { from, sha256 }            where it goes on: behind the beginning with this length and hash, or 0
 *   sender    { sha256 }                  after the last byte: the whole file's hash
 *   receiver  { done }                    the file is on the disk, whole
 *   both      { checked, of }             while a side reads what it has: so many bytes of so many
 *   receiver  { refused }                 at any time: the reason; it ends the transfer
 */

/** What one side said. */
export type Word = Readonly<Record<string, unknown>>;

/** Timers, and how long both sides wait. A test passes its own. */
export interface TransferTimes {
  /** How long a side may say nothing while the other waits for its word, in milliseconds. */
  readonly silenceMs: number;
  /** How often a side that is busy says that it is, in milliseconds. */
  readonly talkMs: number;
  /** Calls `callback` once after `milliseconds`; gives a function that prevents it. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

/** As the command line uses them. */
export const TRANSFER_TIMES: TransferTimes = {
  silenceMs: 30_000,
  talkMs: 5000,
  after: (milliseconds, callback) => {
    const timer = startTimer(callback, milliseconds);
    return () => {
      stopTimer(timer);
    };
  },
};

/** How far a side is. */
export interface Checked {
  readonly checked: number;
  readonly of: number;
}

/** Words that wait to be read. A side that says more without being asked is hostile. */
const MAX_WAITING = 16;

/** The other side has ended the connection; what it sent before may still be read. */
export class SideLeft extends CommandFailure {
  constructor() {
    super('the other side left before the transfer was over');
  }
}

/** The control channel of a transfer. It is read all the time, so that a refusal is heard while bytes are sent. */
export class Words {
  /** Aborted when the other side refuses, leaves or says nonsense; the reason is the `CommandFailure`. */
  readonly broken: AbortSignal;
  /** Resolves when nothing more can be heard. */
  readonly heardOut: Promise<void>;
  /** Called when the other side says how far it is. */
  onChecked: (checked: Checked) => void = () => undefined;
  readonly #handle: ConnectionHandle;
  readonly #signal: AbortSignal;
  readonly #times: TransferTimes;
  readonly #break = new AbortController();
  readonly #heard: Word[] = [];
  #onWord: (() => void) | undefined;
  #restartLimit: () => void = () => undefined;

  /** Listens from now on. `open()` has to follow. */
  constructor(handle: ConnectionHandle, signal: AbortSignal, times: TransferTimes) {
    this.#handle = handle;
    this.#signal = signal;
    this.#times = times;
    this.broken = this.#break.signal;
    this.heardOut = this.#listen(handle.messages({ channel: CHANNEL_CONTROL, signal }));
  }

  /** Opens the channel. */
  async open(): Promise<void> {
    expectOk(await this.#handle.openChannel(CHANNEL_CONTROL));
  }

  say(word: Word): Promise<Result> {
    return this.#handle.sendOnChannel(CHANNEL_CONTROL, new TextEncoder().encode(JSON.stringify(word)), {
      signal: this.#signal,
    });
  }

  /** The other side's next word. Throws a `CommandFailure` at a refusal, an end, nonsense, or too long a silence. */
  async next(): Promise<Word> {
    const { silenceMs, after } = this.#times;
    const late = (): void => {
      this.#fail(
        new CommandFailure(`the other side said nothing for ${silenceMs} ms: is it "entropynet send" or "receive"?`),
      );
    };
    let cancel = after(silenceMs, late);
    this.#restartLimit = () => {
      cancel();
      cancel = after(silenceMs, late);
    };
    try {
      for (;;) {
        const word = this.#heard.shift();
        if (word !== undefined) return word;
        if (this.broken.aborted) throw this.broken.reason as CommandFailure;
        await new Promise<void>((resolve) => {
          this.#onWord = resolve;
        });
      }
    } finally {
      cancel();
      this.#restartLimit = () => undefined;
    }
  }

  /** Does `work` and says meanwhile, every few seconds, how far it is, so that the other side does not give up. */
  async whileTalking<T>(progress: () => Checked, work: () => Promise<T>): Promise<T> {
    const { talkMs, after } = this.#times;
    const talk = (): void => {
      // A failure to say it is found by the next word that matters.
      void this.say({ ...progress() });
      cancel = after(talkMs, talk);
    };
    let cancel = after(talkMs, talk);
    try {
      return await work();
    } finally {
      cancel();
    }
  }

  async #listen(messages: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const bytes of messages) this.#take(wordOf(bytes));
      this.#fail(new SideLeft());
    } catch (error) {
      this.#fail(error instanceof CommandFailure ? error : new CommandFailure(String(error)));
    }
  }

  #take(word: Word): void {
    if (typeof word['refused'] === 'string') throw new CommandFailure(`the other side refused: ${word['refused']}`);
    if ('checked' in word) {
      this.#restartLimit();
      const of = countIn(word, 'of');
      this.onChecked({ checked: countIn(word, 'checked', of), of });
      return;
    }
    if (this.#heard.length >= MAX_WAITING) throw new CommandFailure('the other side says more than it was asked');
    this.#heard.push(word);
    this.#onWord?.();
  }

  #fail(failure: CommandFailure): void {
    this.#break.abort(failure);
    this.#onWord?.();
  }
}

/** A whole number from 0 to `most` in a word. */
export function countIn(word: Word, key: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = word[key];
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most) return value as number;
  throw new CommandFailure(`the other side said ${shown(word)}; '${key}' has to be a number from 0 to ${most}`);
}

/** A text in a word. */
export function textIn(word: Word, key: string): string {
  const value = word[key];
  if (typeof value === 'string') return value;
  throw new CommandFailure(`the other side said ${shown(word)}; '${key}' has to be a text`);
}

/** A SHA-256 in a word: 64 hexadecimal digits. */
export function hashIn(word: Word): string {
  const value = textIn(word, 'sha256');
  if (/^[0-9a-f]{64}$/.test(value)) return value;
  throw new CommandFailure(`the other side said ${shown(word)}; 'sha256' has to be 64 hexadecimal digits`);
}

function shown(word: Word): string {
  const text = JSON.stringify(word);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
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
