import { err, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import type { Msg } from '@nats-io/nats-core';
import type { NatsAddress } from './nats-address.js';
import type { LaneEnds } from './link-parts.js';
import { unpublishedError } from './nats-errors.js';
import { Lane, laneSubject } from './nats-protocol.js';
import { leaseSession, type SessionLease } from './session-pool.js';

/** This side's ends of both lanes, before the link exists. */
export interface LinkEnds {
  readonly base: string;
  readonly ends: readonly [prompt: LaneEnds, bulk: LaneEnds];
  /** The first window of the peer, by lane. */
  readonly credits: readonly [prompt: number, bulk: number];
  /** Releases everything, for ends that did not become a link. */
  release(): void;
}

/**
 * Leases a NATS connection for each lane, subscribes to this side's subjects below `base`, and reserves the first
 * window. `ResourceLimitExceeded`: the NATS connection has its largest number of lanes. `TransportUnavailable`: it has
 * ended, or the program has closed or drained it.
 */
export async function openLinkEnds(
  address: NatsAddress,
  config: ResolvedConnectionConfig,
  base: string,
  take: (lane: Lane, message: Msg) => void,
  signal?: AbortSignal,
): Promise<Result<LinkEnds>> {
  const leases = await Promise.all([
    leaseSession(address, config, Lane.Prompt, signal),
    leaseSession(address, config, Lane.Bulk, signal),
  ]);
  const [prompt, bulk] = leases;
  const opened =
    prompt.ok && bulk.ok ? openBoth(prompt.value, bulk.value, config, base, take) : prompt.ok ? bulk : prompt;
  if (!opened.ok) for (const lease of leases) if (lease.ok) lease.value.release();
  return opened as Result<LinkEnds>;
}

function openBoth(
  promptLease: SessionLease,
  bulkLease: SessionLease,
  config: ResolvedConnectionConfig,
  base: string,
  take: (lane: Lane, message: Msg) => void,
): Result<LinkEnds> {
  const prompt = openEnd(promptLease, config, base, Lane.Prompt, take);
  if (!prompt.ok) return prompt;
  const bulk = openEnd(bulkLease, config, base, Lane.Bulk, take);
  if (!bulk.ok) {
    closeEnd(prompt.value);
    return bulk;
  }
  const ends = [prompt.value, bulk.value] as const;
  return ok({
    base,
    ends,
    credits: [prompt.value.share.renew(), bulk.value.share.renew()],
    release: () => {
      for (const end of ends) {
        closeEnd(end);
        end.lease.release();
      }
    },
  });
}

function openEnd(
  lease: SessionLease,
  { nats }: ResolvedConnectionConfig,
  base: string,
  lane: Lane,
  take: (lane: Lane, message: Msg) => void,
): Result<LaneEnds> {
  const { session } = lease;
  // It may have broken while the NATS connection of the other lane opened. Nobody would learn that later.
  if (session.isBroken && !session.survivesBreaks) {
    return err('TransportUnavailable', `the NATS connection to ${session.where} ended`);
  }
  const share = session.budget.join(nats.windowBytes);
  if (share === undefined) {
    return err(
      'ResourceLimitExceeded',
      `one NATS connection carries ${session.budget.capacity} connections already: raise 'nats.maxPendingBytes'`,
    );
  }
  try {
    const unsubscribe = session.subscribe(laneSubject(base, lane), (message) => {
      take(lane, message);
    });
    return ok({ lease, share, unsubscribe });
  } catch (error) {
    share.leave();
    return { ok: false, error: unpublishedError(error, session.where) };
  }
}

function closeEnd({ share, unsubscribe }: LaneEnds): void {
  unsubscribe();
  share.leave();
}
