import { startTimer, stopTimer, type Timer } from '../platform/clock.js';

/**
 * The outcome of the work, or which came first: `timeout` after that many milliseconds (undefined: never), `aborted` by the
 * signal. Resolves at that moment, also where the work goes on. Rejects as the work does.
 */
export function within<T extends object>(
  work: Promise<T>,
  timeoutMs: number | undefined,
  signal: AbortSignal | undefined,
): Promise<T | 'timeout' | 'aborted'> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const stop = (): void => {
      stopTimer(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      stop();
      resolve('aborted');
    };
    if (timeoutMs !== undefined) {
      timer = startTimer(() => {
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
        // Whatever the work failed with.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(error);
      },
    );
    if (signal?.aborted === true) onAbort();
  });
}

/** Hands over the promise of `work` before `work` starts: whatever it calls may ask for it. */
export function hold<T>(keep: (promise: Promise<T>) => void, work: () => Promise<T>): Promise<T> {
  let settle: (value: Promise<T>) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  keep(promise);
  settle(work());
  return promise;
}
