import type { Scope } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import {
  type InspectorServer,
  type InspectorState,
  type ProcessReport,
  type ProcessState,
  serveInspector,
} from '@entropynet/inspector';
import { jsonCodec, toTypedPort } from '@entropynet/messaging';
import { WebSocketConnection } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { freshName } from '../support/fresh-name.js';

/** A separate inspector for the test, and the data that its page gets. */
export async function watched(
  scope: Scope,
  directory: string,
  intervalMs = 50,
): Promise<{
  own: InspectorServer;
  states: AsyncIterable<InspectorState>;
  inspectorConfig: ConnectionConfig;
  feedConfig: ConnectionConfig;
}> {
  const endpoint = freshName();
  const own = unwrap(await serveInspector({ directory, endpoint, intervalMs }));
  scope.defer(() => own.close());
  expect(own.obstacle).to.equal(undefined);
  const url = new URL(own.address);
  const secret = url.searchParams.get('token') ?? '';
  const feedConfig = { endpoint: `ws://${url.host}/feed`, secret };
  const feed = scope.add(new WebSocketConnection(feedConfig));
  unwrap(await feed.connect());
  const states = toTypedPort<InspectorState>(feed, { codec: jsonCodec() });
  return { own, states, inspectorConfig: { endpoint, sharedMemory: { directory } }, feedConfig };
}

/** Waits for the wanted report of the first process, and returns that process. */
export async function next(
  states: AsyncIterable<InspectorState>,
  isWanted: (report: ProcessReport) => boolean,
): Promise<ProcessState> {
  for await (const { processes } of states) {
    const [first] = processes;
    if (first !== undefined && isWanted(first.report)) return first;
  }
  throw new Error('the feed ended');
}
