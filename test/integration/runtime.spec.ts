import { createNetworking, setNativeBinding, unwrap } from 'entropynet';
import { expect } from 'chai';
import { until } from '@entropynet/conformance/tools';
import { freshName } from '../support/fresh-name.js';
import { LOCALHOST_CERTIFICATE, LOCALHOST_PRIVATE_KEY } from '../support/web-socket/localhost-certificate.js';

const ENTRY_POINTS = [
  'entropynet',
  'entropynet/testing',
  '@entropynet/core',
  '@entropynet/manager',
  '@entropynet/messaging',
  '@entropynet/streams',
  '@entropynet/transport-shm',
  '@entropynet/transport-ws',
  '@entropynet/transport-ws/browser',
  '@entropynet/prometheus',
  '@entropynet/opentelemetry',
  '@entropynet/inspector',
];

/** The steps of a user's program, in the runtime of the tests. */
describe('the packages in this runtime', () => {
  for (const entry of ENTRY_POINTS) {
    it(`${entry} can be imported`, async () => {
      const names = Object.keys((await import(entry)) as object);
      expect(names).to.not.be.empty;
    });
  }

  for (const backend of ['shared-memory', 'websocket'] as const) {
    it(`messages go both ways over ${backend}`, async () => {
      const networking = await createNetworking();
      const name = freshName();
      const isShared = backend === 'shared-memory';
      const server = unwrap(
        networking.manager.createServer({ endpoint: isShared ? name : `ws://127.0.0.1:0/${name}` }),
      );
      unwrap(await server.listen());
      const endpoint = isShared ? name : server.addresses()[0]!;
      const client = unwrap(networking.manager.openConnection({ endpoint }));
      unwrap(await client.connect());
      const accepted = unwrap(await server.accept());
      const received: string[] = [];
      accepted.setMessageCallback((data) => {
        void accepted.send(data);
      });
      client.setMessageCallback((data) => {
        received.push(new TextDecoder().decode(data));
      });
      for (const text of ['', 'hello', 'x'.repeat(300_000)]) unwrap(await client.send(new TextEncoder().encode(text)));
      await until(() => received.length === 3, 'everything came back');
      expect(received.map(({ length }) => length)).to.deep.equal([0, 5, 300_000]);
      expect(client.getBackend()).to.equal(backend);
      await networking.close();
    });
  }

  it('a server with TLS has an address for clients with TLS', async () => {
    const networking = await createNetworking();
    const tls = { certificate: LOCALHOST_CERTIFICATE, privateKey: LOCALHOST_PRIVATE_KEY };
    const server = unwrap(networking.manager.createServer({ endpoint: 'wss://127.0.0.1:0/', webSocket: { tls } }));
    unwrap(await server.listen());
    const webSocket = { tls: { rejectUnauthorized: false } };
    const client = unwrap(networking.manager.openConnection({ endpoint: server.addresses()[0]!, webSocket }));
    unwrap(await client.connect());
    await networking.close();
  });

  it('setNativeBinding() refuses a value that is not an object, and a second addon', async () => {
    const networking = await createNetworking();
    const server = unwrap(networking.manager.createServer({ endpoint: freshName() }));
    unwrap(await server.listen());
    await networking.close();
    expect(() => setNativeBinding(undefined as unknown as object)).to.throw(TypeError, 'undefined was given');
    const refused = setNativeBinding({ layout: { magic: 1 } });
    expect(refused.ok ? '' : refused.error.code).to.equal('AlreadyExists');
  });
});
