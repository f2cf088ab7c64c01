import { Recorder, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { Kind } from '@entropynet/transport-nats/internal/nats-protocol';
import { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import { expect } from 'chai';
import { describeNats, natsTest } from '@entropynet/test/support/nats/describe-nats';

describeNats('NATS: connections whose NATS connection has no room', () => {
  it(
    'still answer their peers, which live on',
    natsTest(async (scope) => {
      // The server's side asks nothing itself: a question would be a sign of life, too.
      const { server, config } = await scope.serve(await scope.natsServer(), {
        nats: { heartbeat: { intervalMs: 600_000, timeoutMs: 600_000 } },
      });
      const client = scope.client({ ...config, nats: { heartbeat: { intervalMs: 50, timeoutMs: 1000 } } });
      const { states } = new Recorder(client).receive();
      unwrap(await client.connect());
      scope.add(unwrap(await server.accept())).startReceiving();
      const { prototype } = NatsSession;
      const { publish } = prototype;
      const hasRoom = Object.getOwnPropertyDescriptor(prototype, 'hasRoom')!;
      let answers = 0;
      // As if other connections had always taken all room.
      Object.defineProperty(prototype, 'hasRoom', { ...hasRoom, get: () => false });
      prototype.publish = function (this: NatsSession, subject, message, reply) {
        if (message[0] === Kind.Pong) answers += 1;
        return publish.call(this, subject, message, reply);
      };
      try {
        await until(() => answers >= 40 || !client.isConnected(), 'the client has asked often, or it has ended');
      } finally {
        Object.defineProperty(prototype, 'hasRoom', hasRoom);
        prototype.publish = publish;
      }
      expect(states).to.deep.equal(['connecting', 'connected']);
    }),
  );
});
