import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { openLink, type ChapterContext } from '../chapter-context.js';
import { codeOf } from '../expectations.js';
import { scoped } from '../support/scope.js';
import { until, within } from '../support/until.js';
import { describeConnecting } from './connecting.js';

/** Contract, STATE. */
export function describeLifecycle(context: ChapterContext): void {
  describe('states', () => {
    if (context.side === 'client') describeConnecting(context);
    else describeAccepted(context);
    describeDisconnecting(context);
  });
}

function describeAccepted(context: ChapterContext): void {
  it(
    '[STATE-7] starts an accepted connection as connected, without a report',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      expect(local.getState()).to.equal('connected');
      expect(recorder.states).to.deep.equal([]);
    }),
  );

  it(
    '[STATE-7] gives NotSupported to connect() on an accepted connection that ended',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope);
      await local.disconnect();
      expect(codeOf(await local.connect())).to.equal('NotSupported');
      expect(local.getState()).to.equal('disconnected');
    }),
  );
}

function describeDisconnecting(context: ChapterContext): void {
  it(
    '[STATE-3] gives ok to connect() when connected',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      const before = recorder.states.length;
      unwrap(await local.connect());
      expect(recorder.states).to.have.length(before);
    }),
  );

  it(
    '[STATE-8] announces the end once on both sides when the near side disconnects',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      unwrap(await local.disconnect());
      await untilPeerState(peer, 'disconnected');
      expect(recorder.states.slice(-2)).to.deep.equal(['disconnecting', 'disconnected']);
      expect((await peer.report()).states.slice(-2)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    '[STATE-8] announces the end once on both sides when the peer disconnects',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      await peer.disconnect();
      await until(() => local.getState() === 'disconnected', 'the near side is disconnected');
      expect(endOf(recorder.states)).to.deep.equal(['disconnecting', 'disconnected']);
      expect(endOf((await peer.report()).states)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    '[STATE-8] announces the end once on both sides when both disconnect at the same time',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      await Promise.all([peer.disconnect(), local.disconnect()]);
      expect(endOf(recorder.states)).to.deep.equal(['disconnecting', 'disconnected']);
      expect(endOf((await peer.report()).states)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    '[STATE-8] ends once, with any number of disconnect() calls',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      const outcomes = await Promise.all([local.disconnect(), local.disconnect(), local.disconnect()]);
      outcomes.push(await local.disconnect());
      expect(outcomes.map(codeOf)).to.deep.equal(['ok', 'ok', 'ok', 'ok']);
      expect(endOf(recorder.states)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    '[STATE-6] [CALLBACK-4] disconnects from inside the disconnecting callback without a deadlock',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope);
      const inner: Promise<string>[] = [];
      local.setStateCallback((state) => {
        if (state === 'disconnecting') inner.push(local.disconnect().then(codeOf));
      });
      await within(local.disconnect(), 'disconnect() resolved');
      expect(await within(Promise.all(inner), 'the inner disconnect() resolved')).to.deep.equal(['ok']);
      expect(endOf(recorder.states)).to.deep.equal(['disconnecting', 'disconnected']);
    }),
  );

  it(
    '[STATE-8] is disconnected when disconnect() resolved',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope);
      await local.disconnect();
      expect(local.getState()).to.equal('disconnected');
      expect(local.isConnected()).to.be.false;
    }),
  );

  it(
    '[STATE-9] disconnects when it is disposed of',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      await local[Symbol.asyncDispose]();
      expect(local.getState()).to.equal('disconnected');
      await untilPeerState(peer, 'disconnected');
    }),
  );

  it(
    '[STATE-9] disconnects at the last release(), and never connects again',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      local.retain();
      local.release();
      expect(local.isConnected()).to.be.true;
      local.release();
      await untilPeerState(peer, 'disconnected');
      await until(() => local.getState() === 'disconnected', 'the near side is disconnected');
      const expected = context.side === 'client' ? 'ConnectionClosed' : 'NotSupported';
      expect(codeOf(await local.connect())).to.equal(expected);
    }),
  );
}

/** Returns the transitions after `connected`. */
function endOf(states: readonly string[]): readonly string[] {
  return states.slice(states.indexOf('connected') + 1);
}

async function untilPeerState(peer: { report(): Promise<{ state: string }> }, state: string): Promise<void> {
  await until(async () => (await peer.report()).state === state, `the peer is ${state}`);
}
