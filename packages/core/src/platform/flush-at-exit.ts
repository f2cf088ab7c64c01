import { Roster } from './roster.js';
import { warnAtExit } from './warning.js';

/** A writer that may hold frames that the system does not have yet. */
export interface Flushable {
  /** Gives its frames to the system now. */
  flush(): void;
}

// A page has no process, and does not exit.
const runtime = typeof process === 'undefined' ? undefined : process;
const open = new Roster<Flushable>();

function flushAll(): void {
  const errors: unknown[] = [];
  for (const each of open) {
    try {
      each.flush();
    } catch (error) {
      // The stream may belong to the program. The other writers continue.
      errors.push(error);
    }
  }
  // Last, because a listener of 'warning' may throw.
  for (const cause of errors) {
    warnAtExit(new Error('the last written bytes could not be passed to the system', { cause }));
  }
}

/**
 * Flushes `writer` when the process (in a worker: the thread) exits, until the returned function is called. So accepted
 * frames leave, although `process.exit()` runs no microtask. Has no effect in a page, which does not exit.
 */
export function flushAtExit(writer: Flushable): () => void {
  if (open.size === 0) runtime?.on('exit', flushAll);
  open.add(writer);
  return () => {
    if (open.delete(writer) && open.size === 0) runtime?.off('exit', flushAll);
  };
}
