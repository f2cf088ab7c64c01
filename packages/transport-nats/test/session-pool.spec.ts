import { type Result, unwrap, resolveOwnConfig } from '@entropynet/core';
import { parseNatsAddress } from '@entropynet/transport-nats/internal/nats-address';
import { natsSection } from '@entropynet/transport-nats/internal/nats-options';
import { Lane } from '@entropynet/transport-nats/internal/nats-protocol';
import { leaseSession, type SessionLease } from '@entropynet/transport-nats/internal/session-pool';
import { expect } from 'chai';
import { freePort } from '@entropynet/test/support/nats/nats-server';

describe('shared NATS connections', () => {
  it('share no failure with a client that comes after it', async () => {
    const endpoint = `nats://127.0.0.1:${await freePort()}/canvas`;
    const config = unwrap(resolveOwnConfig({ endpoint }, natsSection));
    const address = unwrap(parseNatsAddress(endpoint));
    const lease = (signal?: AbortSignal): Promise<Result<SessionLease>> =>
      leaseSession(address, config, Lane.Prompt, signal);
    const again = lease().then((first) => ({ first, second: lease() }));
    // A signal makes this one leave later than the first.
    const together = lease(new AbortController().signal);
    const { first, second } = await again;
    const errors = [first, await together, await second].map((each) => (each.ok ? undefined : each.error));
    expect(errors.map((error) => error?.code)).to.deep.equal(Array(3).fill('TransportUnavailable'));
    expect(errors[1]).to.equal(errors[0]);
    expect(errors[2]).to.not.equal(errors[0]);
  });
});
