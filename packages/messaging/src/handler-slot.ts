import { setTimerReferenced, startTimer, stopTimer } from '@entropynet/core/platform';

/**
 * The function that answers requests. Requests that come before the program has set one wait for it, up to a limit; null
 * is the program's word that it answers none.
 */
export class HandlerSlot<Handler> {
  readonly #timeoutMs: number;
  /** Undefined before the first one was set. */
  #handler: Handler | null | undefined;
  readonly #waiting = new Set<(handler: Handler | null) => void>();

  /** @param timeoutMs how long a request waits for the first handler, in milliseconds */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  set(handler: Handler | null): void {
    this.#handler = handler;
    for (const resume of [...this.#waiting]) resume(handler);
  }

  /** The handler; null where there is none, where none was set in time, and where the signal aborts before. */
  get(signal: AbortSignal): Handler | null | Promise<Handler | null> {
    return this.#handler === undefined ? this.#wait(signal) : this.#handler;
  }

  #wait(signal: AbortSignal): Promise<Handler | null> {
    if (signal.aborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      const settle = (handler: Handler | null): void => {
        stopTimer(timer);
        signal.removeEventListener('abort', giveUp);
        this.#waiting.delete(settle);
        resolve(handler);
      };
      const giveUp = (): void => {
        settle(null);
      };
      const timer = startTimer(giveUp, this.#timeoutMs);
      // The connection keeps the process alive, or does not: the wait adds nothing to that.
      setTimerReferenced(timer, false);
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(settle);
    });
  }
}
