import { performance } from 'node:perf_hooks';

/** Warnings about one subject, at most one in ten seconds: what a client can cause must not fill a log. */
export class WarningLimiter {
  #warnedAt = -Infinity;

  /** Warns, unless it has lately. */
  warn(text: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARNING_PAUSE_MS) return;
    this.#warnedAt = now;
    process.emitWarning(text);
  }
}

const WARNING_PAUSE_MS = 10_000;
