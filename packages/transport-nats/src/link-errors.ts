import { NetworkError } from '@entropynet/core';
import type { LinkParts } from './link-parts.js';
import { brokenErrorOf, silenceOf } from './nats-errors.js';

type Ends = LinkParts['ends'];

/**
 * Returns the error of a silent peer. First it asks both NATS servers: one of them that does not answer either, for
 * `timeoutMs`, is the reason. One slow answer is not.
 */
export async function silenceError(ends: Ends, timeoutMs: number): Promise<NetworkError> {
  const asked = await Promise.all(
    ends.map(async ({ lease: { session } }) => ({
      where: session.where,
      hasAnswered: await session.answersWithin(timeoutMs),
    })),
  );
  const silent = asked.find(({ hasAnswered }) => !hasAnswered);
  if (silent !== undefined) return brokenErrorOf('ended', silenceOf(timeoutMs), silent.where);
  return new NetworkError('PeerDied', `no sign of life from the peer for ${timeoutMs} ms (nats.heartbeat.timeoutMs)`);
}
