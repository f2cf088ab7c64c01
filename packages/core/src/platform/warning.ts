/**
 * Reports an error without a receiver: as a warning of the process, or in a page as an unhandled rejection. Never
 * throws.
 */
export function warnOf(error: Error): void {
  if (typeof process === 'undefined') {
    void Promise.reject(error);
    return;
  }
  try {
    process.emitWarning(error);
  } catch {
    // Node.js accepts only errors of its own realm. In jest and in Vitest's `vmThreads` the class of this error is
    // another one.
    const { code } = error as { readonly code?: unknown };
    process.emitWarning(error.message, {
      type: error.name,
      ...(typeof code === 'string' && { code }),
      ...(error.stack !== undefined && { detail: error.stack }),
    });
  }
}

/** Reports an error of a listener of 'exit' as a warning of the process. `emitWarning()` would wait for a tick. */
export function warnAtExit(error: Error): void {
  process.emit('warning', error);
}
