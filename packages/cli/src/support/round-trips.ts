import { clearTimeout, setTimeout } from 'node:timers';
import { startTurn, stopTurn, type Turn } from '@entropynet/core/platform';
import { type ConnectionHandle } from '@entropynet/manager';
import { CommandFailure } from './command-failure.js';

/** The time limit for a reply, in milliseconds. */
const REPLY_LIMIT_MS = 5000;

/** Sends messages one after the other, and takes the replies. Each must be the last message that was sent. */
export class RoundTrips {
  readonly #handle: ConnectionHandle;
  readonly #limitMs: number;
  #sent = 0;
  #expected: Buffer | undefined;
  #resolve: (isReply: boolean) => void = () => undefined;
  #reject: (reason: CommandFailure) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Turn | undefined;

  /**
   * Takes the messages of `handle`.
   * @param interrupted its abort ends the wait for a reply
   * @param limitMs the time limit for a reply, in milliseconds
   */
  constructor(handle: ConnectionHandle, interrupted: AbortSignal, limitMs = REPLY_LIMIT_MS) {
    this.#handle = handle;
    this.#limitMs = limitMs;
    interrupted.addEventListener(
      'abort',
      () => {
        this.#settle(false);
      },
      { once: true },
    );
    handle.setMessageCallback(
      (data) => {
        if (this.#expected === undefined) return;
        if (!this.#expected.equals(data))
          this.#fail('the peer sent other bytes than it received: is it "entropynet listen --echo"?');
        else this.#settle(true);
      },
      { ownership: 'borrow' },
    );
    handle.on('state', (state, error) => {
      if (state === 'failed') this.#fail(`the connection failed: ${error?.message ?? 'the reason is unknown'}`);
      if (state === 'disconnected') this.#fail('the peer left');
    });
  }

  /** The number of messages that the connection has accepted. */
  get sent(): number {
    return this.#sent;
  }

  /**
   * Sends `message`. Resolves with true when it comes back, or with false at an interruption. Rejects with a
   * `CommandFailure` if the message can't be sent, if the connection ends, if the peer sends other bytes, or at the time
   * limit.
   */
  next(message: Buffer): Promise<boolean> {
    this.#expected = message;
    this.#timer ??= setTimeout(() => {
      // The timer runs on between two round trips. The next one may begin before the turn.
      if (this.#expected === undefined) return;
      // A ping that was stopped, as by Ctrl-Z, first reads what came meanwhile.
      this.#turn = startTurn(() => {
        this.#fail(
          `no reply within ${this.#limitMs} ms: does the peer send messages back ("entropynet listen --echo")?`,
        );
      });
    }, this.#limitMs);
    this.#timer.refresh();
    const reply = new Promise<boolean>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const accepted = this.#handle.trySend(message);
    if (accepted.ok) this.#sent += 1;
    // If sending has ended the connection, its state was the first failure, and that one counts.
    else this.#fail(`not sent: ${accepted.error.message} (${accepted.error.code})`);
    return reply;
  }

  /** No reply is expected any more. */
  end(): void {
    this.#expected = undefined;
    clearTimeout(this.#timer);
  }

  #settle(isReply: boolean): void {
    this.#expected = undefined;
    this.#timer?.unref();
    stopTurn(this.#turn);
    this.#resolve(isReply);
  }

  #fail(sentence: string): void {
    if (this.#expected === undefined) return;
    this.#expected = undefined;
    clearTimeout(this.#timer);
    this.#reject(new CommandFailure(sentence));
  }
}
