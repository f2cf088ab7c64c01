/** The number of buckets for each step of `e` in the logarithm: neighbouring limits differ by one percent. */
const STEPS = 100;

/** The number of bars up to the 99.9th percentile. */
const BARS = 10;

/** A bar: the number of values above the bar before it, up to `limit`. */
export interface LatencyBar {
  /** In the unit of the values. The limit itself belongs to the bar. */
  readonly limit: number;
  readonly count: number;
}

/**
 * Counts durations, which are whole numbers from 1 on. The buckets grow with the values, so the memory does not grow
 * with the number of values.
 */
export class Latencies {
  count = 0;
  least = Infinity;
  most = 0;
  #sum = 0;
  readonly #buckets: number[] = [];

  record(value: number): void {
    this.count += 1;
    this.#sum += value;
    this.least = Math.min(this.least, value);
    this.most = Math.max(this.most, value);
    const bucket = bucketOf(value);
    while (this.#buckets.length <= bucket) this.#buckets.push(0);
    this.#buckets[bucket]! += 1;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.#sum / this.count;
  }

  /**
   * Returns the limit of the bucket that reaches that percentage of the values. It is at most one percent above the
   * value.
   */
  percentile(percent: number): number {
    const wanted = Math.max(Math.ceil((percent / 100) * this.count), 1);
    let reached = 0;
    for (const [bucket, count] of this.#buckets.entries()) {
      reached += count;
      if (reached >= wanted) return Math.min(limitOf(bucket), this.most);
    }
    return this.most;
  }

  /**
   * Returns bars of equal steps in the logarithm from the smallest value to the 99.9th percentile, and one bar for the
   * rest.
   */
  bars(): LatencyBar[] {
    if (this.count === 0) return [];
    const first = bucketOf(this.least);
    const last = bucketOf(this.percentile(99.9));
    const bars: LatencyBar[] = [];
    let bucket = 0;
    for (let bar = 1; bar <= BARS; bar += 1) {
      const end = first + Math.ceil(((last - first + 1) * bar) / BARS);
      let count = 0;
      for (; bucket < end; bucket += 1) count += this.#buckets[bucket] ?? 0;
      const limit = Math.min(limitOf(end - 1), this.most);
      // A narrow distribution has fewer buckets than bars.
      if (bars.at(-1)?.limit !== limit) bars.push({ limit, count });
    }
    const above = this.#buckets.slice(bucket).reduce((sum, count) => sum + count, 0);
    return above === 0 ? bars : [...bars, { limit: this.most, count: above }];
  }
}

/** Returns the largest whole number of a bucket. */
function limitOf(bucket: number): number {
  return Math.floor(Math.exp(bucket / STEPS));
}

/** Returns the first bucket whose limit is not below the value. */
function bucketOf(value: number): number {
  // Logarithms are not exact, and small buckets share a limit.
  let bucket = Math.max(Math.ceil(Math.log(value) * STEPS), 0);
  while (limitOf(bucket) < value) bucket += 1;
  while (bucket > 0 && limitOf(bucket - 1) >= value) bucket -= 1;
  return bucket;
}
