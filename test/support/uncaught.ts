/** Passes uncaught exceptions to `listener` instead of the test framework. Returns a function that undoes this. */
export function catchUncaught(listener: (error: unknown, origin: string) => void): () => void {
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', listener);
  return () => {
    process.off('uncaughtException', listener);
    for (const other of others) process.on('uncaughtException', other);
  };
}
