import { codeOf } from '@entropynet/conformance/tools';
import { resolveOwnConfig, unwrap } from '@entropynet/core';
import { openLinkEnds } from '@entropynet/transport-nats/internal/link-ends';
import { parseNatsAddress, serviceSubject } from '@entropynet/transport-nats/internal/nats-address';
import { natsSection } from '@entropynet/transport-nats/internal/nats-options';
import { Lane } from '@entropynet/transport-nats/internal/nats-protocol';
import type { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import { leaseSession } from '@entropynet/transport-nats/internal/session-pool';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';
import { describeNats, type NatsScope, natsTest } from '@entropynet/test/support/nats/describe-nats';

/** The configuration of a client, and the NATS connections that it will use. */
async function dialling(scope: NatsScope) {
  const { host } = await scope.natsServer();
  const config = unwrap(resolveOwnConfig({ endpoint: `nats://${host}/${freshName()}` }, natsSection));
  const address = unwrap(parseNatsAddress(config.endpoint));
  const sessionOf = async (lane: Lane): Promise<NatsSession> => {
    const { session, release } = unwrap(await leaseSession(address, config, lane));
    scope.defer(release);
    return session;
  };
  return { address, config, sessionOf };
}

describeNats('NATS: a NATS connection that breaks during the handshake', () => {
  it(
    'ends the attempt at once, also if it is that of the bulk lane',
    natsTest(async (scope) => {
      const { address, config, sessionOf } = await dialling(scope);
      const prompt = await sessionOf(Lane.Prompt);
      const bulk = await sessionOf(Lane.Bulk);
      // A server that never answers.
      const asked = new Promise<void>((resolve) => {
        scope.defer(
          prompt.subscribe(serviceSubject(address, config), () => {
            resolve();
          }),
        );
      });
      const connecting = scope.client({ endpoint: config.endpoint }).connect();
      await asked;
      await bulk.close();
      expect(codeOf(await connecting)).to.equal('TransportUnavailable');
    }),
  );

  it(
    'makes no link if it broke while that of the other lane opened',
    natsTest(async (scope) => {
      const { address, config, sessionOf } = await dialling(scope);
      const prompt = await sessionOf(Lane.Prompt);
      const opening = openLinkEnds(address, config, freshName(), () => undefined);
      Object.defineProperty(prompt, 'isBroken', { value: true });
      const opened = await opening;
      if (opened.ok) opened.value.release();
      expect(codeOf(opened)).to.equal('TransportUnavailable');
    }),
  );
});
