import { withRates } from '@entropynet/inspector';
import type { InspectedRegion, InspectedRing, SharedMemorySnapshot } from '@entropynet/transport-shm';
import { expect } from 'chai';

function snapshot(at: number, measuredAt: number, written: number): SharedMemorySnapshot {
  const ring: InspectedRing = {
    capacity: 1024,
    filled: 0,
    written,
    isStalled: false,
    receiver: 'awake',
    isClosed: false,
  };
  const region = { key: 'a', toClient: ring, toServer: ring } as unknown as InspectedRegion;
  return { at, measuredAt, directory: '', directoryExists: true, servers: [], regions: [region], unreadable: [] };
}

describe('the rates of regions', () => {
  it('stay right when the clock of the machine is set back', () => {
    const [region] = withRates(snapshot(9000, 1000, 500), snapshot(2000, 3000, 2500));
    expect(region?.toClient.bytesPerSecond).to.equal(1000);
  });

  it('stay right when a counter begins again at 0', () => {
    const [region] = withRates(snapshot(0, 0, 2 ** 32 - 100), snapshot(1000, 1000, 100));
    expect(region?.toServer.bytesPerSecond).to.equal(200);
  });
});
