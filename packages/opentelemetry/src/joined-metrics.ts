import type { BackendMetrics, ManagerMetrics, RoundTrips } from '@entropynet/manager';

/** Returns the sums of the counters of several managers, at least one. */
export function joinedTotals(all: readonly ManagerMetrics[]): ManagerMetrics {
  return all.reduce(summed);
}

/** Returns the metrics of each transport, for several managers together. */
export function joinedBackends(
  all: readonly Readonly<Record<string, BackendMetrics>>[],
): ReadonlyMap<string, BackendMetrics> {
  const joined = new Map<string, BackendMetrics>();
  for (const backends of all) {
    for (const [backend, metrics] of Object.entries(backends)) {
      const before = joined.get(backend);
      joined.set(backend, before === undefined ? metrics : together(before, metrics));
    }
  }
  return joined;
}

function together(one: BackendMetrics, other: BackendMetrics): BackendMetrics {
  const roundTripMs =
    one.roundTripMs === undefined || other.roundTripMs === undefined
      ? (one.roundTripMs ?? other.roundTripMs)
      : roundTripsOf(one.roundTripMs, other.roundTripMs);
  return { ...summed(one, other), roundTripMs };
}

function roundTripsOf(one: RoundTrips, other: RoundTrips): RoundTrips {
  const count = one.count + other.count;
  const mean = (one.mean * one.count + other.mean * other.count) / count;
  return { count, mean, max: Math.max(one.max, other.max) };
}

/** Adds the numbers of two objects with the same keys. Other values are those of the second one. */
function summed<T extends object>(one: T, other: T): T {
  const sum = { ...other };
  for (const key of Object.keys(other) as (keyof T)[]) {
    const [left, right]: unknown[] = [one[key], other[key]];
    if (typeof left === 'number' && typeof right === 'number') sum[key] = (left + right) as T[typeof key];
  }
  return sum;
}
