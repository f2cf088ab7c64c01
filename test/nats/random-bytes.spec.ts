import { until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import type { NatsConnection } from '@entropynet/transport-nats';
import { expect } from 'chai';
import { describeNats, natsTest } from '../support/nats/describe-nats.js';

const FAKES: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  throws: () => {
    throw new Error('not the random bytes of the platform');
  },
  'returns always the same': (bytes) => bytes.fill(7),
};

describeNats('NATS: random bytes', () => {
  afterEach(() => {
    // The method of the prototype is visible again.
    Reflect.deleteProperty(globalThis.crypto, 'getRandomValues');
  });

  for (const [what, fake] of Object.entries(FAKES)) {
    it(
      `are the platform's own after a framework replaced its function by one that ${what}`,
      natsTest(async (scope) => {
        const nats = await scope.natsServer();
        Object.defineProperty(globalThis.crypto, 'getRandomValues', { value: fake, configurable: true });
        const { server, config } = await scope.serve(nats, { secret: 'shared by both sides' });
        // With equal bytes, both clients would have the same subjects.
        const clients: NatsConnection[] = [];
        const arrived: string[] = [];
        for (const name of ['first', 'second']) {
          const client = scope.client(config);
          const accepting = server.accept();
          unwrap(await client.connect());
          const accepted = scope.add(unwrap(await accepting));
          accepted.setMessageCallback((data) => arrived.push(`${name}: ${Buffer.from(data).toString()}`));
          accepted.startReceiving();
          clients.push(client);
        }
        for (const [index, client] of clients.entries()) unwrap(await client.send(Buffer.from(String(index))));
        await until(() => arrived.length === 2, 'both messages arrived');
        expect(arrived.sort()).to.deep.equal(['first: 0', 'second: 1']);
        expect(new Set(clients.map(({ linkKey }) => linkKey)).size).to.equal(2);
      }),
    );
  }
});
