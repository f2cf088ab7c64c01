import { startLimit } from '../platform/clock.js';

/**
 * Ends work of this library early. It does for one reader what an `AbortController` does for many, which takes as long to
 * make as 50 messages.
 */
export class EarlyEnd {
  aborted = false;
  /** Why it aborted; undefined before. */
  reason: unknown;
  #callback: (() => void) | undefined;

  /** Only the first call has an effect. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#callback?.();
  }

  /** Sets the function that `abort()` calls, at once if it was called before. Undefined removes it. */
  onAbort(callback: (() => void) | undefined): void {
    this.#callback = callback;
    if (this.aborted) callback?.();
  }
}

/**
 * Waits for the work, a time limit and a signal. Resolves with the outcome of the work, or with `timeout` after that
 * many milliseconds (undefined means no limit), or with `aborted`, whichever comes first. The work may still run then.
 * Rejects if the work rejects.
 */
export function within<T extends object>(
  work: Promise<T>,
  timeoutMs: number | undefined,
  signal: AbortSignal | EarlyEnd | undefined,
): Promise<T | 'timeout' | 'aborted'> {
  return new Promise((resolve, reject) => {
    let stopLimit = (): void => undefined;
    const stop = (): void => {
      stopLimit();
      if (signal instanceof EarlyEnd) signal.onAbort(undefined);
      else signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      stop();
      resolve('aborted');
    };
    if (timeoutMs !== undefined) {
      stopLimit = startLimit(() => {
        stop();
        resolve('timeout');
      }, timeoutMs);
    }
    if (signal instanceof EarlyEnd) signal.onAbort(onAbort);
    else signal?.addEventListener('abort', onAbort, { once: true });
    work.then(
      (outcome) => {
        stop();
        resolve(outcome);
      },
      (error: unknown) => {
        stop();
        // The work may reject with any value.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(error);
      },
    );
    if (signal?.aborted === true) onAbort();
  });
}

/** Passes the promise of `work` to `keep` before `work` starts, because the work's callbacks may need it. */
export function hold<T>(keep: (promise: Promise<T>) => void, work: () => Promise<T>): Promise<T> {
  let settle: (value: Promise<T>) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  keep(promise);
  settle(work());
  return promise;
}

/** Aborts the controller when the signal aborts. Returns a function that stops this. */
export function follow(signal: AbortSignal | undefined, controller: AbortController | EarlyEnd): () => void {
  if (signal === undefined) return () => undefined;
  const onAbort = (): void => {
    controller.abort(signal.reason);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return () => {
    signal.removeEventListener('abort', onAbort);
  };
}
