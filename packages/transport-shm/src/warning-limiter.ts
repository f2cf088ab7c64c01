import { now as monotonicNow } from './platform-time.js';

/** Warnings about one subject, at most one in ten seconds: what a client can cause must not fill a log. */
export class WarningLimiter {
  #warnedAt = -Infinity;

  /** Warns, unless it has lately. */
  warn(text: string): void {
    const now = monotonicNow();
    if (now - this.#warnedAt < WARNING_PAUSE_MS) return;
    this.#warnedAt = now;
    process.emitWarning(text);
  }
}

const WARNING_PAUSE_MS = 10_000;
