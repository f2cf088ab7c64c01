import type { NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { SMALL_LIMITS } from '../chapter-context.js';
import { messageOf, type MessageRow } from '../support/messages.js';
import { turns } from '../support/until.js';

/** The peer takes no message at first. */
export const STALLED = { config: SMALL_LIMITS, peer: { receive: [] } };

/**
 * Sends messages of `length` bytes (seeds count up from 1) until one is refused. Returns the number of accepted ones.
 */
export function fill(connection: NetworkConnection, length: number): number {
  let accepted = 0;
  for (;;) {
    const attempt = connection.trySend(messageOf(length, accepted + 1));
    if (!attempt.ok) {
      expect(attempt.error.code).to.equal('WouldBlock');
      return accepted;
    }
    accepted += 1;
  }
}

/**
 * Sends messages of `length` bytes, then empty ones, until the connection permanently accepts none: buffers of the
 * system may empty once more.
 */
export async function fillFully(connection: NetworkConnection, length = 1000): Promise<Filling> {
  const counts: number[] = [];
  for (const each of [length, 0]) {
    let accepted = 0;
    for (let quietTurns = 0; quietTurns < 20; quietTurns += 1) {
      for (; connection.trySend(messageOf(each, accepted + 1)).ok; accepted += 1) quietTurns = 0;
      await turns(1);
    }
    counts.push(accepted);
  }
  const [long = 0, empty = 0] = counts;
  return {
    count: long + empty,
    rows: [
      { lengths: [length], count: long },
      { lengths: [0], count: empty },
    ],
  };
}

/** The messages that were accepted before there was no more room. */
export interface Filling {
  readonly count: number;
  readonly rows: readonly MessageRow[];
}

export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, turns(2).then(() => pending)])) === pending;
}
