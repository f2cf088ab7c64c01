import { clearTimeout as stopTimer, setTimeout as startTimer } from 'node:timers';
import { type Result } from '@entropynet/core';

/** The limit of one client's waiting messages: bytes, and messages, because each needs memory of its own. */
export const OUTBOX_BYTES = 4 * 1024 * 1024;
export const OUTBOX_MESSAGES = 4096;

/** The longest wait for a full outbox while the client takes no message, in milliseconds. */
const PATIENCE_MS = 1000;

/** The errors that mean that no further message can be sent. */
const ENDS: ReadonlySet<string> = new Set(['ConnectionClosed', 'PeerDied', 'InvalidParameter', 'Aborted']);

/** The functions that an outbox calls. */
export interface OutboxOptions {
  /** Resolves when the connection has taken the message, or can't take it. */
  readonly send: (data: Uint8Array) => Promise<Result>;
  /** Reports a message that was not sent. */
  readonly onFailure: (failure: string) => void;
  /** Calls `callback` once after `milliseconds`. Returns a function that prevents it. */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

/**
 * The messages for one of many clients. They wait here, so that a client that does not read does not delay the others:
 * the sender waits for a full outbox only while the client takes messages. Further messages are lost for this client,
 * and counted.
 */
export class Outbox {
  readonly #options: Required<OutboxOptions>;
  readonly #waiting: Uint8Array[] = [];
  #bytes = 0;
  #isSending = false;
  /** Whether the client took no message for the longest wait. Cleared when it takes one. */
  #isStalled = false;
  #lost = 0;
  #onTaken: (() => void) | undefined;

  constructor(options: OutboxOptions) {
    this.#options = { after: afterOnTimer, ...options };
  }

  /** Resolves when there is room, or when further waiting is useless. */
  async room(): Promise<void> {
    while (this.#isFull() && !this.#isStalled) {
      await new Promise<void>((resolve) => {
        const cancel = this.#options.after(PATIENCE_MS, () => {
          this.#isStalled = true;
          resolve();
        });
        this.#onTaken = () => {
          cancel();
          resolve();
        };
      });
      this.#onTaken = undefined;
    }
  }

  /** Sends a message after the ones before it. Drops it if there is no room. */
  offer(data: Uint8Array): void {
    if (this.#isFull()) {
      if (this.#lost === 0) this.#options.onFailure('reads too slowly; messages for it are lost from now on');
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0) {
      this.#options.onFailure(`reads again; ${this.#lost} message${this.#lost === 1 ? '' : 's'} for it were lost`);
      this.#lost = 0;
    }
    this.#waiting.push(data);
    this.#bytes += data.length;
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let data = this.#waiting[0]; data !== undefined; data = this.#waiting[0]) {
      const sent = await this.#options.send(data);
      this.#waiting.shift();
      this.#bytes -= data.length;
      if (sent.ok) {
        this.#isStalled = false;
        this.#onTaken?.();
      } else if (ENDS.has(sent.error.code)) {
        // The end of the client is reported once.
        this.#waiting.length = 0;
        this.#bytes = 0;
        this.#onTaken?.();
      } else this.#options.onFailure(`not sent: ${sent.error.message} (${sent.error.code})`);
    }
    this.#isSending = false;
  }

  #isFull(): boolean {
    return this.#bytes >= OUTBOX_BYTES || this.#waiting.length >= OUTBOX_MESSAGES;
  }
}

function afterOnTimer(milliseconds: number, callback: () => void): () => void {
  const timer = startTimer(callback, milliseconds);
  return () => {
    stopTimer(timer);
  };
}
