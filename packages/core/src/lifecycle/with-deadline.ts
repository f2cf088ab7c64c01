import { err, OK, type Result } from '../result/result.js';

interface DeadlineOptions {
  /** Aborted at the deadline, by the signal, or by whoever holds it. */
  readonly controller: AbortController;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly describeTimeout: () => string;
  /** The work succeeded after it was given up: give back what it made. */
  readonly onLateSuccess: () => void;
}

/**
 * Runs work that can be given up: by a deadline (`Timeout`), by a signal, or through the controller (`Aborted`). Resolves
 * at that moment, also when the work itself does not heed its signal. What the work throws becomes `HandshakeFailed`.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<Result<T>>,
  options: DeadlineOptions,
): Promise<Result<T>> {
  const { controller, signal } = options;
  let isTimeout = false;
  let isSettled = false;
  const timer = setTimeout(() => {
    isTimeout = true;
    controller.abort();
  }, options.timeoutMs);
  const onAbort = (): void => {
    controller.abort(signal?.reason);
  };
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });

  const givenUp = new Promise<Result<T>>((resolve) => {
    const settle = (): void => {
      resolve(
        isTimeout
          ? err('Timeout', options.describeTimeout())
          : err('Aborted', 'connecting was aborted', controller.signal.reason),
      );
    };
    if (controller.signal.aborted) settle();
    else controller.signal.addEventListener('abort', settle, { once: true });
  });
  const done = controller.signal.aborted ? givenUp : guarded(work, controller.signal);
  void done.then((result) => {
    if (isSettled && result.ok) options.onLateSuccess();
  });
  const result = await Promise.race([givenUp, done]);
  isSettled = true;
  clearTimeout(timer);
  signal?.removeEventListener('abort', onAbort);
  return result;
}

async function guarded<T>(work: (signal: AbortSignal) => Promise<Result<T>>, signal: AbortSignal): Promise<Result<T>> {
  try {
    return await work(signal);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return err('HandshakeFailed', `connecting failed: ${reason}`, error);
  }
}

/**
 * Waits until the work is done, for the time, or until the signal aborts, whichever is first. What the work throws comes
 * back as `ConnectionClosed`.
 */
export async function settledWithin(
  work: () => Promise<unknown>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let giveUp: (() => void) | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
    giveUp = resolve;
  });
  if (signal?.aborted === true) giveUp?.();
  if (giveUp !== undefined) signal?.addEventListener('abort', giveUp, { once: true });
  try {
    await Promise.race([work(), limit]);
    return signal?.aborted === true ? err('Aborted', 'the goodbye was given up', signal.reason) : OK;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return err('ConnectionClosed', `the connection ended without a goodbye to the peer: ${reason}`, error);
  } finally {
    clearTimeout(timer);
    if (giveUp !== undefined) signal?.removeEventListener('abort', giveUp);
  }
}

/** Hands over the promise of `work` before `work` starts: whatever it calls may ask for it. */
export function hold<T>(keep: (promise: Promise<T>) => unknown, work: () => Promise<T>): Promise<T> {
  let settle: (value: Promise<T>) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  keep(promise);
  settle(work());
  return promise;
}
