import { randomInt } from 'node:crypto';
import { debugLog, err, type Failure, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { clearTimeout, setTimeout } from '../platform-time.js';
import {
  connectTo,
  findServers,
  type FoundServer,
  type OpenedSocket,
  tryToConnect,
  waitForRoom,
} from './find-server.js';
import { type Assignment, requestRegionAt } from './handshake-with-server.js';
import { shownNameOf } from './names.js';

export type { Assignment } from './handshake-with-server.js';

const log = debugLog('shm');

/** The part of the time limit that one of several servers may take before the client asks the next. */
const SHARE_OF_TIME = 1 / 4;

/** Asks a server of an endpoint for a region and maps it. If `signal` aborts, it stops and releases everything. */
export async function requestRegion(
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<Assignment>> {
  const found = findServers(config);
  if (!found.ok) return found;
  const [server] = found.value;
  if (server.identity.isShared === true) return requestFromAny(config, signal);
  const shown = shownNameOf(config.endpoint);
  // Without an await if the queue has room: of many clients in one process, the first sends its request at once.
  const opened = tryToConnect(server, shown) ?? (await connectTo(server, shown, signal));
  return opened.ok ? requestRegionAt(server, opened.value, config, signal) : opened;
}

/**
 * Asks the servers of a shared endpoint, in random order. If a server is dead, dies, is full or does not answer, it
 * asks the next one. After each round it looks for servers again, so that a client finds the successor of one that
 * closes. Servers that did not answer in time may only have been busy: when no other is left, it asks them again.
 */
async function requestFromAny(config: ResolvedConnectionConfig, signal: AbortSignal): Promise<Result<Assignment>> {
  const shown = shownNameOf(config.endpoint);
  const failed = new Set<string>();
  const slow = new Set<string>();
  let lastFailure: Failure | undefined;
  for (;;) {
    const found = findServers(config);
    const isUntried = (server: FoundServer): boolean => !failed.has(nonceOf(server)) && !slow.has(nonceOf(server));
    const untried = found.ok ? shuffled(found.value.filter(isUntried)) : [];
    if (untried.length === 0 && slow.size > 0) {
      slow.clear();
      continue;
    }
    if (untried.length === 0 && lastFailure !== undefined) return lastFailure;
    if (!found.ok) return found;
    let wasAnyAsked = false;
    for (const server of untried) {
      const opened = tryToConnect(server, shown);
      // Its queue is full, or it is about to listen: the other servers come first.
      if (opened === undefined) continue;
      wasAnyAsked = true;
      const limitMs = untried.length + slow.size > 1 ? config.connectTimeoutMs * SHARE_OF_TIME : undefined;
      const assigned = opened.ok ? await requestWithin(limitMs, server, opened.value, config, signal) : opened;
      if (assigned.ok || signal.aborted) return assigned;
      log(() => `a server of '${shown}' failed, asking another: ${assigned.error.message}`);
      lastFailure = assigned;
      (assigned.error.code === 'Timeout' ? slow : failed).add(nonceOf(server));
    }
    if (wasAnyAsked) continue;
    const waited = await waitForRoom(signal);
    if (!waited.ok) return waited;
  }
}

/** `Timeout`: the server has not answered within `limitMs`. If that is undefined, only `signal` limits the time. */
async function requestWithin(
  limitMs: number | undefined,
  server: FoundServer,
  opened: OpenedSocket,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<Assignment>> {
  if (limitMs === undefined) return requestRegionAt(server, opened, config, signal);
  const attempt = new AbortController();
  const giveUp = (): void => {
    attempt.abort();
  };
  const timer = setTimeout(giveUp, limitMs);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const assigned = await requestRegionAt(server, opened, config, attempt.signal);
    if (assigned.ok || assigned.error.code !== 'Aborted' || signal.aborted) return assigned;
    const { processId } = server.identity;
    return err(
      'Timeout',
      `the server in process ${processId} did not answer within ${limitMs} ms, its share of connectTimeoutMs`,
      assigned.error,
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

function nonceOf({ identity }: FoundServer): string {
  return Buffer.from(identity.nonce).toString('hex');
}

/** Returns the same servers in a random order. All orders have the same probability. */
function shuffled(servers: readonly FoundServer[]): FoundServer[] {
  const order = [...servers];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const chosen = randomInt(last + 1);
    [order[last], order[chosen]] = [order[chosen]!, order[last]!];
  }
  return order;
}
