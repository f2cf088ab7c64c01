import { once } from 'node:events';
import { codeOf, until, untilLocal } from '@entropynet/conformance/tools';
import { SecretVerifier, unwrap } from '@entropynet/core';
import { NatsLink } from '@entropynet/transport-nats/internal/nats-link';
import { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import { expect } from 'chai';
import { counted } from '@entropynet/test/support/counted-admissions';
import { describeNats, type NatsScope, natsTest } from '@entropynet/test/support/nats/describe-nats';

/** A server that counts its admissions. */
async function serve(scope: NatsScope) {
  const count = counted();
  const { config, server } = await scope.serve(await scope.natsServer(), {
    admit: count.admit,
    nats: { handshakeTimeoutMs: 500 },
  });
  return { endpoint: config.endpoint, server, count };
}

describeNats('NATS: a client whose connection can not be made', () => {
  it(
    'gets the reason and leaves its place, and the next one is served',
    natsTest(async (scope) => {
      const { endpoint, server, count } = await serve(scope);
      const client = scope.client({ endpoint });
      const codes: (string | undefined)[] = [];
      client.on('state', (state, error) => {
        if (state === 'failed') codes.push(error?.code);
      });
      const { establish } = NatsLink.prototype;
      NatsLink.prototype.establish = function (this: NatsLink, side) {
        if (side === 'server') throw new RangeError('Array buffer allocation failed');
        establish.call(this, side);
      };
      try {
        unwrap(await client.connect());
        client.startReceiving();
        await until(() => codes.length > 0, 'the client has seen the end');
      } finally {
        NatsLink.prototype.establish = establish;
      }
      expect(codes).to.deep.equal(['ResourceLimitExceeded']);
      expect(count).to.include({ asked: 1, taken: 0 });
      unwrap(await scope.client({ endpoint }).connect());
      unwrap(await server.accept());
    }),
  );

  for (const [side, add] of [
    ['server', 1],
    ['client', 3],
  ] as const) {
    it(
      `leaves no subscription if the link of the ${side} can not be made`,
      natsTest(async (scope) => {
        const { endpoint } = await serve(scope);
        const { add: realAdd, subscribe } = NatsSession.prototype;
        const open = new Set<string>();
        let adds = 0;
        NatsSession.prototype.add = function (this: NatsSession, member) {
          if (member instanceof NatsLink) adds += 1;
          if (adds === add) throw new RangeError('Array buffer allocation failed');
          realAdd.call(this, member);
        };
        NatsSession.prototype.subscribe = function (this: NatsSession, subject, ...rest) {
          const leave = subscribe.call(this, subject, ...rest);
          open.add(subject);
          return () => {
            open.delete(subject);
            leave();
          };
        };
        try {
          expect(codeOf(await scope.client({ endpoint }).connect())).to.equal('ResourceLimitExceeded');
        } finally {
          NatsSession.prototype.add = realAdd;
          NatsSession.prototype.subscribe = subscribe;
        }
        // A server whose client failed waits until the time limit of its handshake.
        const left = [...open].filter((subject) => side === 'server' || subject.startsWith('_INBOX'));
        expect(left).to.deep.equal([]);
        unwrap(await scope.client({ endpoint }).connect());
      }),
    );
  }

  it(
    'ends no other connection if the server can not handle its message, and asks again',
    natsTest(async (scope) => {
      const { client, config, serverSide } = await scope.pair(await scope.natsServer(), {
        secret: 'the secret of this test',
      });
      const { check } = SecretVerifier.prototype;
      let checks = 0;
      SecretVerifier.prototype.check = function (this: SecretVerifier, answer) {
        checks += 1;
        if (checks === 1) throw new RangeError('Array buffer allocation failed');
        return check.call(this, answer);
      };
      const warned = once(process, 'warning') as Promise<[Error]>;
      try {
        unwrap(await scope.client(config).connect());
      } finally {
        SecretVerifier.prototype.check = check;
      }
      expect(checks).to.equal(2);
      expect((await warned)[0].message)
        .to.include('lost a message of the NATS server at')
        .and.include('this process has no memory left');
      unwrap(await client.send(new Uint8Array(1)));
      await untilLocal(serverSide, 1);
    }),
  );

  it(
    'gets the reason if the welcome fails, and the next one is served',
    natsTest(async (scope) => {
      const { endpoint, server, count } = await serve(scope);
      const { flush } = NatsSession.prototype;
      NatsSession.prototype.flush = () => Promise.reject(new RangeError('Array buffer allocation failed'));
      try {
        expect(codeOf(await scope.client({ endpoint }).connect())).to.equal('ResourceLimitExceeded');
      } finally {
        NatsSession.prototype.flush = flush;
      }
      expect(count).to.include({ asked: 1, taken: 0 });
      unwrap(await scope.client({ endpoint }).connect());
      unwrap(await server.accept());
    }),
  );
});

describeNats('NATS: a client that left before the server accepted it', () => {
  for (const [limit, changes] of [
    ['nats.maxConnections', () => ({ nats: { maxConnections: 1 } })],
    ['admit', () => ({ admit: counted(1).admit })],
  ] as const) {
    it(
      `[SERVER-5] leaves its place to the next one (${limit})`,
      natsTest(async (scope) => {
        const { config, server } = await scope.serve(await scope.natsServer(), changes());
        const left = scope.client(config);
        unwrap(await left.connect());
        unwrap(await left.disconnect());
        const next = scope.client(config);
        unwrap(await next.connect());
        expect(codeOf(await scope.client(config).connect())).to.equal('ResourceLimitExceeded');
        const accepted = scope.add(unwrap(await server.accept()));
        expect(accepted.linkKey).to.equal(next.linkKey);
      }),
    );

    it(
      `[SERVER-5] keeps its place while it has a message for the program (${limit})`,
      natsTest(async (scope) => {
        const { config, server } = await scope.serve(await scope.natsServer(), changes());
        const left = scope.client(config);
        unwrap(await left.connect());
        unwrap(await left.send(Uint8Array.of(7)));
        unwrap(await left.disconnect());
        expect(codeOf(await scope.client(config).connect())).to.equal('ResourceLimitExceeded');
        const accepted = scope.add(unwrap(await server.accept()));
        const received: number[] = [];
        accepted.setMessageCallback((message) => received.push(...message));
        accepted.startReceiving();
        await until(() => received.length > 0, 'the message arrived');
        expect(received).to.deep.equal([7]);
      }),
    );
  }
});
