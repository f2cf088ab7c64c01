import { expect } from 'chai';
import { startPeer, type PeerHost, type Placement } from './peer/peer-host.js';
import { describeAdoption } from './chapters/adoption.js';
import { describeBackpressure } from './chapters/backpressure.js';
import { describeBatches } from './chapters/batches.js';
import { SIDES, skippedTest, type ChapterContext, type Side } from './chapter-context.js';
import { describeChannels } from './chapters/channels.js';
import { describeDelivery } from './chapters/delivery.js';
import { describeErrors } from './chapters/errors.js';
import { describeAbnormalEnd, describeGracefulEnd } from './chapters/failure.js';
import { describeHygiene } from './chapters/hygiene.js';
import { describeConsumers } from './chapters/consumers.js';
import { describeInPlace } from './chapters/in-place.js';
import { describeIteration, describeIterationOfTheDead } from './chapters/iteration.js';
import { describeLifecycle } from './chapters/lifecycle.js';
import { describeLifetime } from './chapters/lifetime.js';
import { describeOwnership } from './chapters/ownership.js';
import { describeProperty } from './chapters/property.js';
import { describeSecret } from './chapters/secret.js';
import { describeServer } from './chapters/server.js';
import { describeStatistics } from './chapters/statistics.js';
import type { TransportFixture } from './transport-fixture.js';

type Chapter = (context: ChapterContext) => void;

const PLACEMENTS: readonly Placement[] = ['same thread', 'worker thread', 'other process'];

/** Chapters that only need to tell the peer what to do: they run wherever the peer may be. */
const EVERYWHERE: readonly Chapter[] = [
  describeLifecycle,
  describeDelivery,
  describeOwnership,
  describeInPlace,
  describeChannels,
  describeAdoption,
  describeBackpressure,
  describeBatches,
  describeGracefulEnd,
  describeStatistics,
  describeProperty,
];

/** Chapters that hold both ends of a connection. */
const IN_ONE_THREAD: readonly Chapter[] = [
  describeServer,
  describeSecret,
  describeLifetime,
  describeIteration,
  describeConsumers,
  describeErrors,
  describeHygiene,
];

/** Chapters in which the peer dies. */
const ACROSS_PROCESSES: readonly Chapter[] = [describeAbnormalEnd, describeIterationOfTheDead];

const COMBINATIONS = PLACEMENTS.flatMap((placement) => SIDES.map((side): [Placement, Side] => [placement, side]));

/** What there is where a transport can't listen. */
const CLIENT_COMBINATIONS: typeof COMBINATIONS = [['other process', 'client']];

/** The contract, as behaviours of one transport. To be awaited at the top level of a spec file. */
export async function describeTransport(name: string, fixture: TransportFixture): Promise<void> {
  const reason = await fixture.unavailableReason?.();
  describe(`conformance of ${name}`, function () {
    this.timeout(60_000);
    if (reason !== undefined) {
      skippedTest('keeps the contract', reason);
      return;
    }
    after(() => fixture.dispose?.());
    describeCapabilities(fixture);
    const combinations = fixture.isClientOnly === true ? CLIENT_COMBINATIONS : COMBINATIONS;
    for (const [placement, side] of combinations) describeCombination(fixture, placement, side);
  });
}

function describeCombination(fixture: TransportFixture, placement: Placement, side: Side): void {
  const { capabilities } = fixture.createTransport();
  describe(`as ${side}, the peer in the ${placement}`, () => {
    if (placement !== 'same thread' && !capabilities.crossProcess) {
      skippedTest('keeps the contract', 'both ends of this transport are in one thread');
      return;
    }
    let host: PeerHost | undefined;
    const sharedPeer = async (): Promise<PeerHost> => {
      if (host?.isAlive !== true) host = await startPeer(placement, fixture.peerModule);
      return host;
    };
    after(() => host?.[Symbol.asyncDispose]());

    const context: ChapterContext = { fixture, capabilities, placement, side, sharedPeer };
    for (const chapter of EVERYWHERE) chapter(context);
    if (placement === 'same thread') for (const chapter of IN_ONE_THREAD) chapter(context);
    if (placement === 'other process') for (const chapter of ACROSS_PROCESSES) chapter(context);
  });
}

function describeCapabilities(fixture: TransportFixture): void {
  describe('capabilities', () => {
    it('are frozen and equal in every instance', () => {
      const [first, second] = [fixture.createTransport(), fixture.createTransport()];
      expect(Object.isFrozen(first.capabilities)).to.be.true;
      expect(second.capabilities).to.deep.equal(first.capabilities);
    });

    it('come with a backend name and schemes that are equal in every instance', () => {
      const [first, second] = [fixture.createTransport(), fixture.createTransport()];
      expect(second.backend).to.equal(first.backend);
      expect(second.schemes).to.deep.equal(first.schemes);
      expect(second.connectionType).to.equal(first.connectionType);
    });
  });
}
