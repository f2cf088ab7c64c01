import type { NetworkError, NetworkErrorCode, Result } from '@entropynet/core';
import { expect } from 'chai';
import { labelsOf, summaryOf, type MessageRow } from './support/messages.js';
import type { PeerActions } from './peer/peer-actions.js';
import { DEFAULT_CHANNEL, type Recorder } from './support/recorder.js';
import { until } from './support/until.js';

/** Returns `ok`, or the code of the error. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.error.code;
}

/** Waits until the peer has `count` messages of a channel. */
export async function untilPeer(peer: PeerActions, count: number, channel = DEFAULT_CHANNEL): Promise<void> {
  let last = 0;
  await until(
    async () => (last = await peer.count(channel)) >= count,
    () => `the peer has ${count} messages of channel '${channel}'; it has ${last}`,
  );
}

/** Waits until the near side has `count` messages of a channel. */
export async function untilLocal(recorder: Recorder, count: number, channel = DEFAULT_CHANNEL): Promise<void> {
  const tally = recorder.tally(channel);
  await until(
    () => tally.count >= count,
    () => `${count} messages of channel '${channel}' arrived; ${tally.count} are here`,
  );
}

/** Waits for the number of messages of the rows. They must be exactly these, in order. */
export async function expectPeerToHave(
  peer: PeerActions,
  rows: readonly MessageRow[],
  channel = DEFAULT_CHANNEL,
): Promise<void> {
  const expected = summaryOf(...rows);
  await untilPeer(peer, expected.count, channel);
  const received = (await peer.report()).received.get(channel);
  if (received?.digest === expected.digest && received.count === expected.count) return;
  const labels = await peer.labels(channel);
  expect(labels, 'the messages, as length:checksum').to.deep.equal(labelsOf(...rows).slice(0, labels.length));
  expect(received).to.deep.equal(expected);
}

/** The same for the near side. */
export async function expectLocalToHave(
  recorder: Recorder,
  rows: readonly MessageRow[],
  channel = DEFAULT_CHANNEL,
): Promise<void> {
  const expected = summaryOf(...rows);
  await untilLocal(recorder, expected.count, channel);
  const tally = recorder.tally(channel);
  if (tally.summary().digest === expected.digest && tally.count === expected.count) return;
  expect(tally.labels, 'the messages, as length:checksum').to.deep.equal(
    labelsOf(...rows).slice(0, tally.labels.length),
  );
  expect(tally.summary()).to.deep.equal(expected);
}

/** Returns the error of an operation that must fail with that code. */
export function failureOf(result: Result<unknown>, code: NetworkErrorCode): NetworkError {
  if (result.ok) throw new Error(`it succeeded where ${code} is expected`);
  expect(result.error.code).to.equal(code);
  return result.error;
}
