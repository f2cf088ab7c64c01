/** What may hold frames that are not yet with the system. */
export interface Flushable {
  /** Gives them to the system now. */
  flushNow(): void;
}

const open = new Set<Flushable>();

function flushAll(): void {
  for (const each of open) each.flushNow();
}

/**
 * Flushes `each` when the process (in a worker: the thread) exits, until the returned function is called: what was accepted
 * for sending leaves although `process.exit()` runs no microtask.
 */
export function flushAtExit(each: Flushable): () => void {
  if (open.size === 0) process.on('exit', flushAll);
  open.add(each);
  return () => {
    if (open.delete(each) && open.size === 0) process.off('exit', flushAll);
  };
}
