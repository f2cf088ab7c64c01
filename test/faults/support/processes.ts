import { performance } from 'node:perf_hooks';
import { type ChapterContext, messageOf, type Scope, type Side, until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkConnection, type Result, unwrap } from '@entropynet/core';
import type { TransportFixture } from '@entropynet/conformance';
import { expect } from 'chai';
import { sharedMemoryFixture } from '../../support/shared-memory-fixture.js';
import { type FaultPeerHost, type FaultPeerOptions, startFaultPeer } from './fault-peer.js';

/** Shared memory in a separate folder. The test removes it at its end. */
export function ownFixture(scope: Scope, how?: Parameters<typeof sharedMemoryFixture>[0]): TransportFixture {
  const fixture = sharedMemoryFixture(how);
  scope.defer(() => fixture.dispose?.());
  return fixture;
}

/**
 * A context for the tools of the conformance suite. The peer is in another process, and `side` is the side of this one.
 */
export function contextOf(fixture: TransportFixture, side: Side): ChapterContext {
  return {
    fixture,
    capabilities: fixture.createTransport().capabilities,
    placement: 'other process',
    side,
    sharedPeer: () => Promise.reject(new Error('each test has peers of its own')),
  };
}

/** A separate process for the test. It dies or stops at a step if the test asks for that. */
export async function ownProcess(
  scope: Scope,
  fixture: TransportFixture,
  options: FaultPeerOptions = { hasSteps: true },
): Promise<FaultPeerHost> {
  return scope.add(await startFaultPeer(fixture.peerModule, options));
}

/** Shows that a server in this process still serves: it echoes the message of a new client. */
export async function expectServing(
  scope: Scope,
  fixture: TransportFixture,
  config: ConnectionConfig,
  accept: () => Promise<Result<NetworkConnection>>,
): Promise<void> {
  const client = scope.add(fixture.createTransport().createConnection(config));
  // A server that still releases the connection before may report that it is full, but not for long.
  await until(async () => (await client.connect()).ok, 'the next client is served', 10_000);
  const accepted = scope.add(unwrap(await accept()));
  accepted.setMessageCallback((data) => accepted.trySend(data));
  accepted.startReceiving();
  await expectEcho(client, 7);
  await client.disconnect();
}

/** Shows that the peer of a connection, which echoes, receives and sends. */
export async function expectEcho(connection: NetworkConnection, seed: number): Promise<void> {
  const echoed = new Promise<Uint8Array>((resolve) => {
    connection.setMessageCallback(resolve);
  });
  unwrap(await connection.send(messageOf(1000, seed)));
  expect(await echoed).to.deep.equal(messageOf(1000, seed));
}

/** Resolves with the state at the end of the connection. `at` is the time by the clock of `performance`. */
export function ended(connection: NetworkConnection): Promise<{ state: string; code: string | undefined; at: number }> {
  return new Promise((resolve) => {
    connection.on('state', (state, error) => {
      if (state !== 'failed' && state !== 'disconnected') return;
      resolve({ state, code: error?.code, at: performance.now() });
    });
  });
}

/** Returns the median and the largest of some milliseconds, for the table. */
export function summaryOfTimes(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? 0;
  const slowest = sorted.at(-1) ?? 0;
  return `median ${median.toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms`;
}
