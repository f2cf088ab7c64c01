/** Keeps every latency of one run; a run is short enough for that, and nothing is rounded into buckets. */
export class LatencyRecorder {
  readonly #microseconds: number[] = [];

  record(microseconds: number): void {
    this.#microseconds.push(microseconds);
  }

  /** The value that `percent` of all are at or below, in microseconds; 0 when nothing was recorded. */
  percentile(percent: number): number {
    const sorted = [...this.#microseconds].sort((a, b) => a - b);
    const index = Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1);
    return Math.round((sorted[index] ?? 0) * 10) / 10;
  }
}
