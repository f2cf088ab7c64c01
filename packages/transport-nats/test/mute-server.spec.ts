import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { codeOf, within } from '@entropynet/conformance/tools';
import { inspectNatsService } from '@entropynet/transport-nats';
import { expect } from 'chai';

describe('a NATS server that accepts a connection and says nothing', () => {
  it('keeps no socket of an attempt that has ended', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const inspected = inspectNatsService({ endpoint: `nats://127.0.0.1:${port}/mute`, connectTimeoutMs: 200 });
    const [socket] = await accepted;
    socket.resume();
    try {
      expect(codeOf(await inspected)).to.equal('Timeout');
      await within(once(socket, 'close'), 'the socket closed');
    } finally {
      socket.destroy();
      server.close();
    }
  });
});
