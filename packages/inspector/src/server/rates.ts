import type { InspectedRing, SharedMemorySnapshot } from '@entropynet/transport-shm';
import type { RatedRegion, RatedRing } from '../state.js';

/** Returns the regions of a snapshot, with rates since the snapshot before. */
export function withRates(before: SharedMemorySnapshot, now: SharedMemorySnapshot): RatedRegion[] {
  const seconds = Math.max((now.measuredAt - before.measuredAt) / 1000, 0.001);
  const rate = (ring: InspectedRing, earlier: InspectedRing | undefined): RatedRing => ({
    ...ring,
    // The 32-bit counters start again at 0.
    bytesPerSecond: earlier === undefined ? 0 : Math.round(((ring.written - earlier.written) >>> 0) / seconds),
  });
  const earlierByKey = new Map(before.regions.map((region) => [region.key, region]));
  return now.regions.map((region) => {
    const earlier = earlierByKey.get(region.key);
    return {
      ...region,
      toClient: rate(region.toClient, earlier?.toClient),
      toServer: rate(region.toServer, earlier?.toServer),
    };
  });
}
