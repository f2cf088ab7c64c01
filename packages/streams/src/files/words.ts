import { setTimeout as startTimer, clearTimeout as stopTimer } from 'node:timers';
import { type Connection, NetworkError, printable, type Result, unwrap } from '@entropynet/core';

/*
 * What both sides of a transfer say. The file's bytes go over one channel, in order. What both sides say of the file goes over
 * another one, as one JSON object in each message:
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

/** What a transfer needs of a connection: a `NetworkConnection` or a `ConnectionHandle`. */
export type FileConnection = Pick<
  Connection,
  'closeChannel' | 'isConnected' | 'messages' | 'openChannel' | 'sendOnChannel'
>;

/** As programs use them. */
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

/** The longest reason of the other side that is shown. */
const MAX_REASON = 500;

/** Words that wait to be read. A side that says more without being asked is hostile. */
const MAX_WAITING = 16;

/** What is said of a transfer. The channel is read all the time, so that a refusal is heard while bytes are sent. */
export class Words {
  /** Aborted when the other side refuses, leaves or says nonsense; the reason is a `NetworkError`. */
  readonly broken: AbortSignal;
  /** Resolves when nothing more can be heard. */
  readonly heardOut: Promise<void>;
  /** Called when the other side says how far it is. */
  onChecked: (checked: Checked) => void = () => undefined;
  /** Whether the other side has ended the channel or the connection; what it sent before may still be read. */
  hasLeft = false;
  readonly #connection: FileConnection;
  readonly #channel: string;
  readonly #messages: AsyncIterableIterator<Uint8Array, undefined>;
  readonly #signal: AbortSignal;
  readonly #times: TransferTimes;
  readonly #break = new AbortController();
  readonly #heard: Word[] = [];
  #onWord: (() => void) | undefined;
  #restartLimit: () => void = () => undefined;

  /** Listens from now on. `open()` has to follow, and `close()`. */
  constructor(connection: FileConnection, channel: string, signal: AbortSignal, times: TransferTimes) {
    this.#connection = connection;
    this.#channel = channel;
    this.#signal = signal;
    this.#times = times;
    this.broken = this.#break.signal;
    this.#messages = connection.messages({ channel, signal });
    this.heardOut = this.#listen();
  }

  /** Opens the channel. */
  async open(): Promise<void> {
    unwrap(await this.#connection.openChannel(this.#channel, { signal: this.#signal }));
  }

  /** Listens no more. The channel stays open. */
  async close(): Promise<void> {
    await this.#messages.return?.();
  }

  say(word: Word): Promise<Result> {
    return this.#connection.sendOnChannel(this.#channel, new TextEncoder().encode(JSON.stringify(word)), {
      signal: this.#signal,
    });
  }

  /** The other side's next word. Throws a `NetworkError` at a refusal, an end, nonsense, or too long a silence. */
  async next(): Promise<Word> {
    const { silenceMs, after } = this.#times;
    const late = (): void => {
      this.#fail(
        new NetworkError('Timeout', `the other side sent nothing for ${silenceMs} ms: does it send or receive files?`),
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
        if (this.broken.aborted) throw this.broken.reason as NetworkError;
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

  async #listen(): Promise<void> {
    try {
      for await (const bytes of this.#messages) this.#take(wordOf(bytes));
      this.hasLeft = true;
      this.#fail(new NetworkError('ConnectionClosed', 'the other side left before the transfer was over'));
    } catch (error) {
      this.#fail(error instanceof NetworkError ? error : new NetworkError('Aborted', printable(error), error));
    }
  }

  #take(word: Word): void {
    if (typeof word['refused'] === 'string') throw refusedBy(word['refused']);
    if ('checked' in word) {
      this.#restartLimit();
      const of = countIn(word, 'of');
      this.onChecked({ checked: countIn(word, 'checked', of), of });
      return;
    }
    if (this.#heard.length >= MAX_WAITING) throw nonsense('the other side sent more than this side requested');
    this.#heard.push(word);
    this.#onWord?.();
  }

  #fail(failure: NetworkError): void {
    this.#break.abort(failure);
    this.#onWord?.();
  }
}

/** A whole number from 0 to `most` in a word. */
export function countIn(word: Word, key: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = word[key];
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most) return value as number;
  throw nonsense(`the other side sent ${shown(word)}; '${key}' must be a number from 0 to ${most}`);
}

/** A text in a word. */
export function textIn(word: Word, key: string): string {
  const value = word[key];
  if (typeof value === 'string') return value;
  throw nonsense(`the other side sent ${shown(word)}; '${key}' must be a text`);
}

/** A SHA-256 in a word: 64 hexadecimal digits. */
export function hashIn(word: Word): string {
  const value = textIn(word, 'sha256');
  if (/^[0-9a-f]{64}$/.test(value)) return value;
  throw nonsense(`the other side sent ${shown(word)}; 'sha256' must be 64 hexadecimal digits`);
}

/** The other side does not speak the protocol. */
export function nonsense(sentence: string): NetworkError {
  return new NetworkError('InvalidMessage', sentence);
}

function refusedBy(reason: string): NetworkError {
  return new NetworkError('Aborted', `the other side refused: ${printable(reason, MAX_REASON)}`);
}

function shown(word: Word): string {
  return printable(JSON.stringify(word));
}

function wordOf(bytes: Uint8Array): Word {
  try {
    const word: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof word === 'object' && word !== null && !Array.isArray(word)) return word as Word;
  } catch {
    // Said below.
  }
  throw nonsense('the other side does not speak the protocol of "entropynet send" and "receive"');
}
