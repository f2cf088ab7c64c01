/**
 * Returns what the promise resolves with, or undefined as soon as the signal aborts. If it has aborted before, returns
 * undefined at once. For work that can't be stopped: the caller ends the outcome of it that comes later. The promise
 * never rejects.
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve) => {
    const settle = (outcome: T | undefined): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    const onAbort = (): void => {
      settle(undefined);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(settle);
    // The event of an earlier abort does not come again.
    if (signal.aborted) onAbort();
  });
}
