import { ok, unwrap } from '@entropynet/core';
import { PendingRequest } from '@entropynet/messaging/internal/pending-request';
import { arriveLate, SHORT_LIMIT_MS } from '@entropynet/test/support/late-arrival';
import { expect } from 'chai';

describe('a request', () => {
  const parts = { value: new Uint8Array(0), metadata: undefined, timeoutMs: SHORT_LIMIT_MS, signal: undefined };

  it('of a process that was busy gets the reply that has arrived', async () => {
    const reply = Uint8Array.of(1);
    const request = new PendingRequest(parts, () => undefined);
    arriveLate(() => {
      request.finish(ok(reply));
    });
    expect(unwrap(await request.reply)).to.equal(reply);
  });

  it('without a reply ends at its time limit', async () => {
    const ended = await new PendingRequest(parts, () => undefined).reply;
    expect(ended.ok ? 'ok' : ended.error.code).to.equal('Timeout');
  });
});
