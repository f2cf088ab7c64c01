import { EventEmitter } from 'node:events';
import { RoundTrips } from '@entropynet/cli/internal/support/round-trips';
import { err, type Result } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { unhandledDuring } from '@entropynet/test/support/unhandled';
import { expect } from 'chai';

describe('the round trips of a ping', () => {
  it('fail with one reason when sending a message ends the connection', async () => {
    const handle = Object.assign(new EventEmitter(), {
      setMessageCallback: () => undefined,
      trySend: (): Result => {
        handle.emit('state', 'disconnected');
        return err('ConnectionClosed', 'the connection has ended');
      },
    });
    const trips = new RoundTrips(handle as unknown as ConnectionHandle, new AbortController().signal);
    let reason: unknown;
    const unhandled = await unhandledDuring(async () => {
      reason = await trips.next(Buffer.from('ping')).catch(String);
    });
    expect([reason, unhandled]).to.deep.equal(['CommandFailure: the peer left', []]);
    expect(trips.sent).to.equal(0);
    trips.end();
  });
});
