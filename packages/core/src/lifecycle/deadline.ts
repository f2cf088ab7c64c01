import { startLimit } from '../platform/clock.js';

/**
 * Waits for the work, a time limit and a signal. Resolves with the outcome of the work, or with `timeout` after that
 * many milliseconds (undefined means no limit), or with `aborted`, whichever comes first. The work may still run then.
 * Rejects if the work rejects.
 */
export function within<T extends object>(
  work: Promise<T>,
  timeoutMs: number | undefined,
  signal: AbortSignal | undefined,
): Promise<T | 'timeout' | 'aborted'> {
  return new Promise((resolve, reject) => {
    let stopLimit = (): void => undefined;
    const stop = (): void => {
      stopLimit();
      signal?.removeEventListener('abort', onAbort);
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
    signal?.addEventListener('abort', onAbort, { once: true });
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
export function follow(signal: AbortSignal | undefined, controller: AbortController): () => void {
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
