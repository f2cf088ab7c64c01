/** Shows an error that nobody takes: as a warning of the process, or in a page as a rejection that nobody catches. Never throws. */
export function warnOf(error: Error): void {
  if (typeof process === 'undefined') {
    void Promise.reject(error);
    return;
  }
  try {
    process.emitWarning(error);
  } catch {
    // Node.js takes errors of its own realm; in jest and in Vitest's `vmThreads` this one's class is another.
    const { code } = error as { readonly code?: unknown };
    process.emitWarning(error.message, {
      type: error.name,
      ...(typeof code === 'string' && { code }),
      ...(error.stack !== undefined && { detail: error.stack }),
    });
  }
}
