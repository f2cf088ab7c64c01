import { type Connection, describeThrown, NetworkError, printable, type Result, unwrap } from '@entropynet/core';
import { startLimit } from '@entropynet/core/platform';
import { ChannelMessages } from './channel-messages.js';

/*
 * The messages of both sides about a transfer. The file's bytes go over one channel, in order. The messages go over
 * another channel, each as one JSON object:
 *
 *   sender    { name, size }              the file that it offers
 *   receiver  { have, sha256, others }    the length and hash of a part from a transfer that broke;
 *                                         `others`: further parts, a list of { have, sha256 }
 *   sender    { from, sha256 }            where it continues: after the part with this length and hash, or at 0
 *   sender    { sha256 }                  after the last byte: the whole file's hash
 *   receiver  { done }                    the whole file is on the disk
 *   both      { checked, of }             while a side reads its bytes: the number of read bytes, and of all
 *   receiver  { refused }                 at any time: the reason; it ends the transfer
 */

/** One message of a side. */
export type Word = Readonly<Record<string, unknown>>;

/** The timers and time limits of both sides. A test passes its own. */
export interface TransferTimes {
  /** The longest silence of a side while the other waits for its message, in milliseconds. */
  readonly silenceMs: number;
  /** The interval at which a busy side reports its progress, in milliseconds. */
  readonly talkMs: number;
  /** Calls `callback` once after `milliseconds`. Returns a function that prevents it. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

/** The members of a connection that a transfer uses: of a `NetworkConnection` or a `ConnectionHandle`. */
export type FileConnection = Pick<
  Connection,
  'channel' | 'closeChannel' | 'isConnected' | 'openChannel' | 'sendOnChannel' | 'startReceiving'
>;

/** The times that programs use. */
export const TRANSFER_TIMES: TransferTimes = {
  silenceMs: 30_000,
  talkMs: 5000,
  // A side that was stopped, as by Ctrl-Z, reads what came meanwhile before it judges the other side.
  after: (milliseconds, callback) => startLimit(callback, milliseconds),
};

/** The progress of a side. */
export interface Checked {
  readonly checked: number;
  readonly of: number;
}

/** The largest number of characters of the other side's reason. */
const MAX_REASON = 500;

/** The errors of a send on a channel that was open: while it closes, and after that. */
const CHANNEL_CLOSED: ReadonlySet<string> = new Set(['ConnectionClosed', 'InvalidParameter']);

/** The largest number of unread messages. Only a hostile peer sends more without a question. */
const MAX_WAITING = 16;

/** The messages of a transfer. It always reads the channel, so that it gets a refusal while bytes are sent. */
export class Words {
  /** Aborts if the other side refuses, leaves or breaks the protocol. The reason is a `NetworkError`. */
  readonly broken: AbortSignal;
  /** Called when the other side reports its progress. */
  onChecked: (checked: Checked) => void = () => undefined;
  /** Whether the other side has ended the channel or the connection. Its earlier messages may still be unread. */
  hasLeft = false;
  readonly #connection: FileConnection;
  readonly #channel: string;
  readonly #messages: ChannelMessages;
  /** Whether the channel has been open. Until then its messages are of a transfer that its sender gave up. */
  #hasBegun: boolean;
  readonly #signal: AbortSignal;
  readonly #times: TransferTimes;
  /** Resolves when no further message can arrive. */
  readonly #heardOut: Promise<void>;
  #hearOut: () => void = () => undefined;
  readonly #break = new AbortController();
  readonly #heard: Word[] = [];
  #onWord: (() => void) | undefined;
  #restartLimit: () => void = () => undefined;

  /** Starts receiving. The caller must then call `open()`, and later `release()`. */
  constructor(connection: FileConnection, channel: string, signal: AbortSignal, times: TransferTimes) {
    this.#connection = connection;
    this.#channel = channel;
    this.#signal = signal;
    this.#times = times;
    this.broken = this.#break.signal;
    this.#heardOut = new Promise((resolve) => {
      this.#hearOut = resolve;
    });
    this.#messages = new ChannelMessages(connection, channel, {
      onMessage: (bytes) => {
        this.#hear(bytes);
      },
      onEnd: (error) => {
        this.hasLeft = error === undefined;
        this.#fail(error ?? new NetworkError('ConnectionClosed', 'the other side left before the transfer was over'));
      },
    });
    this.#hasBegun = this.#messages.isOpen;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Opens the channel. */
  async open(): Promise<void> {
    if (this.broken.aborted) throw this.broken.reason as NetworkError;
    unwrap(await this.#connection.openChannel(this.#channel, { signal: this.#signal }));
  }

  /** Stops receiving. The channel stays open. */
  release(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#messages.release();
  }

  /** The transfer has failed: closes the channel, and drops what the other side has sent until then. */
  abandon(): Promise<void> {
    return this.#messages.abandon();
  }

  say(word: Word): Promise<Result> {
    // The next connection of a handle is for the next transfer.
    if (this.#messages.hasEnded) return Promise.resolve({ ok: false, error: this.broken.reason as NetworkError });
    return this.#connection.sendOnChannel(this.#channel, new TextEncoder().encode(JSON.stringify(word)), {
      signal: this.#signal,
    });
  }

  /** Checks that something was sent. Throws the error that prevented it: the other side's reason if it gave one. */
  async expectSent(sent: Result): Promise<void> {
    if (sent.ok) return;
    // After its end a connection still delivers the messages that had arrived, such as the reason.
    if (!this.#connection.isConnected()) await this.#heardOut;
    // The other side closes the channel of the bytes after it has said why. Its message may still be unread.
    else if (CHANNEL_CLOSED.has(sent.error.code)) await this.next();
    if (this.broken.aborted) throw this.broken.reason as NetworkError;
    unwrap(sent);
  }

  /**
   * Returns the other side's next message. Throws a `NetworkError` for a refusal, an end, a broken protocol, or a
   * silence that is too long.
   */
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

  /** Runs `work` and reports the progress every few seconds, so that the other side does not give up. */
  async whileTalking<T>(progress: () => Checked, work: () => Promise<T>): Promise<T> {
    const { talkMs, after } = this.#times;
    const talk = (): void => {
      // If this fails, the next important message finds the failure.
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

  readonly #onAbort = (): void => {
    const reason: unknown = this.#signal.reason;
    this.#fail(reason instanceof NetworkError ? reason : new NetworkError('Aborted', describeThrown(reason), reason));
  };

  #hear(bytes: Uint8Array): void {
    this.#hasBegun ||= this.#messages.isOpen;
    // The words after a failure have no reader.
    if (!this.#hasBegun || this.broken.aborted) return;
    try {
      this.#take(wordOf(bytes));
    } catch (error) {
      this.#fail(error instanceof NetworkError ? error : new NetworkError('Aborted', describeThrown(error), error));
    }
  }

  #take(word: Word): void {
    if (typeof word['refused'] === 'string') throw refusedBy(word['refused']);
    if ('checked' in word) {
      this.#restartLimit();
      const of = countIn(word, 'of');
      this.#report({ checked: countIn(word, 'checked', of), of });
      return;
    }
    if (this.#heard.length >= MAX_WAITING) throw nonsense('the other side sent more than this side requested');
    this.#heard.push(word);
    this.#onWord?.();
  }

  #report(checked: Checked): void {
    try {
      this.onChecked(checked);
    } catch (error) {
      throw new NetworkError('CallbackFailed', `the transfer failed: ${describeThrown(error)}`, error);
    }
  }

  #fail(failure: NetworkError): void {
    this.#break.abort(failure);
    this.#hearOut();
    this.#onWord?.();
  }
}

/** Returns a whole number from 0 to `most` in a message. */
export function countIn(word: Word, key: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = word[key];
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most) return value as number;
  throw nonsense(`the other side sent ${shown(word)}; '${key}' must be a number from 0 to ${most}`);
}

/** Returns a text in a message. */
export function textIn(word: Word, key: string): string {
  const value = word[key];
  if (typeof value === 'string') return value;
  throw nonsense(`the other side sent ${shown(word)}; '${key}' must be a text`);
}

/** Returns a SHA-256 in a message: 64 hexadecimal digits. */
export function hashIn(word: Word): string {
  const value = textIn(word, 'sha256');
  if (/^[0-9a-f]{64}$/.test(value)) return value;
  throw nonsense(`the other side sent ${shown(word)}; 'sha256' must be 64 hexadecimal digits`);
}

/** Returns the error for a peer that breaks the protocol. */
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
    // The error below reports it.
  }
  throw nonsense('the other side does not speak the protocol of "entropynet send" and "receive"');
}
