import { expect } from 'chai';
import { SIDES, skippedTest, startPeerOf, type ChapterContext, type Side } from './chapter-context.js';
import { describeAbnormalEnd } from './chapters/abnormal-end.js';
import { describeAdoption } from './chapters/adoption.js';
import { describeBackpressure } from './chapters/backpressure.js';
import { describeBatches } from './chapters/batches.js';
import { describeBroadcast } from './chapters/broadcast.js';
import { describeChannels } from './chapters/channels.js';
import { describeConsumers } from './chapters/consumers.js';
import { describeDelivery } from './chapters/delivery.js';
import { describeErrors } from './chapters/errors.js';
import { describeGracefulEnd } from './chapters/graceful-end.js';
import { describeHygiene } from './chapters/hygiene.js';
import { describeInPlace } from './chapters/in-place.js';
import { describeIteration, describeIterationOfTheDead } from './chapters/iteration.js';
import { describeLifecycle } from './chapters/lifecycle.js';
import { describeLifetime } from './chapters/callback-lifetime.js';
import { describeBothEnds } from './chapters/both-ends.js';
import { describeOddArrays } from './chapters/odd-arrays.js';
import { describeOwnership } from './chapters/ownership.js';
import { describePeer } from './chapters/peer.js';
import { describeProperty } from './chapters/property.js';
import { describeSecret } from './chapters/secret.js';
import { describeServer } from './chapters/server.js';
import { describeStatistics } from './chapters/statistics.js';
import type { PeerHost, Placement } from './peer/peer-host.js';
import { sample, spread } from './spread.js';
import { TIME_FACTOR } from './support/until.js';
import type { TransportFixture } from './transport-fixture.js';

type Chapter = (context: ChapterContext) => void;

const PLACEMENTS: readonly Placement[] = ['same thread', 'worker thread', 'other process'];

/** Chapters that send commands to the peer. They run with the peer in every placement. */
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
  describePeer,
  describeProperty,
];

/** Chapters that use both ends of a connection in one thread. */
const IN_ONE_THREAD: readonly Chapter[] = [
  describeServer,
  describeBroadcast,
  describeSecret,
  describeLifetime,
  describeIteration,
  describeConsumers,
  describeErrors,
  describeOddArrays,
  describeBothEnds,
  describeHygiene,
];

/** Chapters in which the peer dies. */
const ACROSS_PROCESSES: readonly Chapter[] = [describeAbnormalEnd, describeIterationOfTheDead];

/** Options of `describeTransport`. */
export interface ConformanceOptions {
  /** The placements of the peer, in any order. @default all three */
  readonly placements?: readonly Placement[];
  /**
   * `'whole'` tests every behaviour with the peer in every placement, as client and as server. `'spread'` tests every
   * behaviour once, and every placement at least once in each chapter, in about a sixth of the time. `'sample'` tests
   * one behaviour of each chapter in every placement and from each side: for further settings of a tested transport.
   * @default 'whole'
   */
  readonly matrix?: 'whole' | 'spread' | 'sample';
}

/**
 * Defines mocha tests for all promises of the contract on one transport. Await it at the top level of a test file.
 *
 * @param name the name of the tests; the suite puts `conformance of` before it
 * @param fixture the description of the transport
 */
export async function describeTransport(
  name: string,
  fixture: TransportFixture,
  { placements = PLACEMENTS, matrix = 'whole' }: ConformanceOptions = {},
): Promise<void> {
  const reason = await fixture.unavailableReason?.();
  describe(`conformance of ${name}`, function () {
    this.timeout(60_000 * TIME_FACTOR);
    if (reason !== undefined) {
      skippedTest('keeps the contract', reason);
      return;
    }
    before(function () {
      // The start of a broker or the run of a compiler may take longer than any test.
      this.timeout(180_000 * TIME_FACTOR);
      return fixture.prepare?.();
    });
    after(() => fixture.dispose?.());
    describeCapabilities(fixture);
    const combinations = combinationsOf(fixture, placements).map(([placement, side]) => ({
      placement,
      suite: describeCombination(fixture, placement, side),
    }));
    if (matrix === 'spread') spread(combinations);
    else if (matrix === 'sample') sample(combinations);
  });
}

function combinationsOf(fixture: TransportFixture, placements: readonly Placement[]): [Placement, Side][] {
  if (fixture.isClientOnly === true) {
    skippedTest('keeps the promises that need both ends in one thread', 'the transport can not listen');
    return [['other process', 'client']];
  }
  const possible = fixture.startPeer === undefined ? PLACEMENTS : (['other process'] as const);
  return possible
    .filter((placement) => placements.includes(placement))
    .flatMap((placement) => SIDES.map((side): [Placement, Side] => [placement, side]));
}

function describeCombination(fixture: TransportFixture, placement: Placement, side: Side): Mocha.Suite {
  const { capabilities } = fixture.createTransport();
  return describe(`as ${side}, the peer in the ${placement}`, () => {
    if (placement !== 'same thread' && !capabilities.crossProcess) {
      skippedTest('keeps the contract', 'both ends of this transport are in one thread');
      return;
    }
    let host: PeerHost | undefined;
    const sharedPeer = async (): Promise<PeerHost> => {
      if (host?.isAlive !== true) host = await startPeerOf(fixture, placement);
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
    it('[TRANSPORT-1] are frozen and equal in every instance', () => {
      const [first, second] = [fixture.createTransport(), fixture.createTransport()];
      expect(Object.isFrozen(first.capabilities)).to.be.true;
      expect(second.capabilities).to.deep.equal(first.capabilities);
    });

    it('[TRANSPORT-1] come with a backend name and schemes that are equal in every instance', () => {
      const [first, second] = [fixture.createTransport(), fixture.createTransport()];
      expect(second.backend).to.equal(first.backend);
      expect(second.schemes).to.deep.equal(first.schemes);
      expect(second.connectionType).to.equal(first.connectionType);
    });
  });
}
