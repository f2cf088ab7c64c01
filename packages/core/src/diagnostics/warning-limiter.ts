import { monotonicNow } from '../platform/clock.js';

/** Logs at most one warning about one subject in ten seconds, so that a client can't fill a log. */
export class WarningLimiter {
  #warnedAt = -Infinity;

  /** Logs a warning, unless it has logged one in the last ten seconds. */
  warn(text: string): void {
    const now = monotonicNow();
    if (now - this.#warnedAt < WARNING_PAUSE_MS) return;
    this.#warnedAt = now;
    process.emitWarning(text);
  }
}

const WARNING_PAUSE_MS = 10_000;
