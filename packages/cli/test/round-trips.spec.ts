import { EventEmitter } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { RoundTrips } from '@entropynet/cli/internal/support/round-trips';
import { err, OK, type Result } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { arriveLate, SHORT_LIMIT_MS } from '@entropynet/test/support/late-arrival';
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

  it('continue if the process was stopped while no reply was due', async () => {
    let take: (data: Uint8Array) => void = () => undefined;
    const handle = Object.assign(new EventEmitter(), {
      setMessageCallback: (callback: typeof take) => (take = callback),
      trySend: (message: Buffer): Result => {
        setImmediate(take, message);
        return OK;
      },
    });
    const trips = new RoundTrips(handle as unknown as ConnectionHandle, new AbortController().signal, SHORT_LIMIT_MS);
    expect(await trips.next(Buffer.from('first'))).to.equal(true);
    const rest = pause(SHORT_LIMIT_MS + 1);
    arriveLate(() => undefined);
    await rest;
    expect(await trips.next(Buffer.from('second'))).to.equal(true);
    trips.end();
  });
});
