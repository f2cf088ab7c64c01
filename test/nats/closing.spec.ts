import { unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { natsTransportModule } from '@entropynet/transport-nats';
import { freshName } from '../support/fresh-name.js';
import { describeNats, natsTest } from '../support/nats/describe-nats.js';

describeNats('NATS: closing while the NATS server fails', () => {
  it(
    'ends if the NATS server dies before it has confirmed the last messages',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { server } = await scope.serve(nats);
      // From here on nothing is confirmed.
      nats.signal('SIGSTOP');
      const closing = server.close();
      await nats.kill();
      unwrap(await closing);
    }),
  );

  it(
    'ends after the silence that the heartbeat allows, if the NATS server hangs',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { server } = await scope.serve(nats, { nats: { heartbeat: { intervalMs: 20, timeoutMs: 200 } } });
      nats.signal('SIGSTOP');
      unwrap(await server.close());
    }),
  );

  it(
    'ends for a whole manager with connections in use',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { manager, close } = await createNetworking({ transports: [natsTransportModule] });
      scope.defer(close);
      const config = { endpoint: `nats://${nats.host}/${freshName()}` };
      const server = unwrap(manager.createServer(config));
      unwrap(await server.listen());
      const client = unwrap(manager.openConnection(config));
      unwrap(await client.connect());
      unwrap(await server.accept());
      nats.signal('SIGSTOP');
      unwrap(await client.send(new Uint8Array(1234)));
      const closing = close();
      await nats.kill();
      await closing;
    }),
  );
});
