import type { InspectedRing, SharedMemorySnapshot } from '@entropynet/transport-shm';
import type { RatedRegion, RatedRing } from '../state.js';

/** The regions of a snapshot, with rates since the one before. */
export function withRates(before: SharedMemorySnapshot, now: SharedMemorySnapshot): RatedRegion[] {
  const seconds = Math.max((now.at - before.at) / 1000, 0.001);
  const rate = (ring: InspectedRing, earlier: InspectedRing | undefined): RatedRing => ({
    ...ring,
    // The counters are of 32 bits and start again.
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
