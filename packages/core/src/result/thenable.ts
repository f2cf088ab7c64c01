/** Checks for `then` and not for the class: a promise may come from another realm, or from a library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject && typeof (value as { then?: unknown }).then === 'function';
}

/**
 * Handles the rejection of a promise that a function of the program returned where nothing waits for it. The caller
 * reports the promise, or its documentation says that a rejection has no effect. Without this call, the rejection would
 * end the process. Any other value has no effect.
 */
export function ignoreRejection(returned: unknown): void {
  if (isThenable(returned)) void Promise.resolve(returned).catch(() => undefined);
}
