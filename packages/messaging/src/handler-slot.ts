import { setTimerReferenced, startTimer, stopTimer } from '@entropynet/core/platform';

/**
 * The function that answers requests. Requests that arrive before the program has set one wait for it, up to a limit.
 * With null the program refuses all requests.
 */
export class HandlerSlot<Handler> {
  readonly #timeoutMs: number;
  /** Undefined before the program has set the first one. */
  #handler: Handler | null | undefined;
  readonly #waiting = new Set<(handler: Handler | null) => void>();

  /** @param timeoutMs the longest wait of a request for the first handler, in milliseconds */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  set(handler: Handler | null): void {
    this.#handler = handler;
    for (const resume of [...this.#waiting]) resume(handler);
  }

  /** Returns the handler; null if there is none, if none was set in time, or if the request's signal aborts before. */
  get(request: { readonly signal: AbortSignal }): Handler | null | Promise<Handler | null> {
    return this.#handler === undefined ? this.#wait(request.signal) : this.#handler;
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
      // The connection decides if the process stays alive; this timer must not.
      setTimerReferenced(timer, false);
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(settle);
    });
  }
}
