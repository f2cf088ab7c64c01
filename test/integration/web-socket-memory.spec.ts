import { once } from 'node:events';
import { codeOf, turns, until } from '@entropynet/conformance/tools';
import { encodePeerLimits, err, unwrap } from '@entropynet/core';
import { WebSocketConnectionServer } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import {
  clientMessage,
  PEER_LIMITS,
  upgradeRequest,
  WebSocketFixtures,
  Witness,
} from '../support/web-socket/web-socket-fixtures.js';

const KIB = 1024;

describe('WebSocket: memory of idle and abandoned connections', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  for (const ownership of ['borrow', 'copy'] as const) {
    it(`is not the last bytes that arrived, with ownership '${ownership}'`, async () => {
      const server = await fixtures.serve();
      const client = await fixtures.connect(server);
      const accepted = await fixtures.accept(server);
      const arrived: WeakRef<ArrayBufferLike>[] = [];
      accepted.setMessageCallback((data) => arrived.push(new WeakRef(data.buffer)), { ownership });
      accepted.startReceiving();
      // A message in one chunk, one in several chunks, and one in several frames.
      for (const length of [20 * KIB, 200 * KIB, 700 * KIB]) unwrap(await client.send(new Uint8Array(length)));
      await until(() => arrived.length === 3, 'three messages arrived');
      // A short message stays in its place, in a chunk of the stream.
      unwrap(client.trySend(new Uint8Array(10)));
      unwrap(client.trySend(new Uint8Array(20)));
      await until(() => arrived.length === 5, 'two more messages arrived');
      await until(() => {
        gc!();
        return arrived.every((buffer) => buffer.deref() === undefined);
      }, 'the memory of the messages was given back');
      expect(accepted.isConnected()).to.be.true;
    });
  }

  it('is little for clients that never prove the secret', async () => {
    const server = new WebSocketConnectionServer({
      endpoint: 'ws://127.0.0.1:0/test',
      secret: 'a secret of the server',
    });
    fixtures.defer(() => server.close());
    unwrap(await server.listen());
    const address = server.address()!;
    const CLIENTS = 30;
    gc!();
    const before = process.memoryUsage();
    for (let index = 0; index < CLIENTS; index += 1) {
      const socket = await fixtures.tcp(address);
      socket.write(upgradeRequest('/test'));
      await once(socket, 'data');
      // A greeting that announces a proof, and the beginning of a message of 1000 bytes.
      socket.write(clientMessage(encodePeerLimits({ ...PEER_LIMITS, secret: 'x' })));
      socket.write(Buffer.concat([Buffer.of(0x82, 0xfe, 0x03, 0xe8, 0, 0, 0, 0), Buffer.alloc(900)]));
    }
    await turns(20);
    gc!();
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).to.be.lessThan(CLIENTS * 16 * KIB);
    // A client can't get more by asking for it.
    const greedy = await fixtures.tcp(address);
    greedy.write(upgradeRequest('/test'));
    await once(greedy, 'data');
    greedy.write(Buffer.of(0x82, 0xff, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0));
    await once(greedy, 'close');
  });

  for (const [what, admit] of [
    ['a client', undefined],
    ['a client that `admit` refuses', () => err('ResourceLimitExceeded', 'it is full')],
  ] as const) {
    it(`is no socket of ${what}, if there was no memory for its upgrade`, async () => {
      const server = new WebSocketConnectionServer({
        endpoint: 'ws://127.0.0.1:0/test',
        webSocket: { maxConnections: 1 },
        admit,
      });
      fixtures.defer(() => server.close());
      unwrap(await server.listen());
      const { handleUpgrade } = WebSocketServer.prototype;
      WebSocketServer.prototype.handleUpgrade = () => {
        throw new RangeError('Array buffer allocation failed');
      };
      fixtures.defer(() => {
        WebSocketServer.prototype.handleUpgrade = handleUpgrade;
      });
      const warned = once(process, 'warning') as Promise<[Error]>;
      const socket = await fixtures.tcp(server.address()!);
      socket.write(upgradeRequest('/test'));
      await once(socket, 'close');
      expect((await warned)[0].message).to.contain("can't take a client");
    });
  }

  for (const how of ['says goodbye', 'dies'] as const) {
    it(`is no slot for a client that ${how} before anybody accepts it`, async () => {
      const server = await fixtures.serve({ maxConnections: 2 });
      const leave = async (): Promise<void> => {
        if (how === 'says goodbye') {
          const client = await fixtures.connect(server);
          unwrap(await client.disconnect());
          return;
        }
        const raw = await fixtures.tcp(server.address()!);
        raw.write(upgradeRequest('/test'));
        await once(raw, 'data');
        raw.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
        await turns(5);
        raw.end();
        // The server has seen the end, so it ends its side.
        await once(raw, 'close');
      };
      for (let round = 0; round < 5; round += 1) await leave();
      const client = await fixtures.connect(server);
      let accepted = await fixtures.accept(server);
      // Those that left are given out, too, as long as their places are not needed.
      while (!accepted.isConnected() || accepted.peer.address !== addressOf(client)) {
        accepted = await fixtures.accept(server);
      }
      const witness = new Witness(accepted);
      unwrap(await client.send(Uint8Array.of(7)));
      await until(() => witness.messages.length === 1, 'the message arrived');
    });
  }

  it('is no slot for a page that sent a sign of life, and left', async () => {
    const server = await fixtures.serve({ maxConnections: 1 });
    const raw = await fixtures.tcp(server.address()!);
    raw.write(upgradeRequest('/test'));
    await once(raw, 'data');
    raw.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
    await turns(5);
    // One byte: docs/web-socket-protocol.md.
    raw.end(clientMessage(Uint8Array.of(0)));
    await once(raw, 'close');
    await fixtures.connect(server);
  });

  it('is a slot for a client that left a message, until a consumer reads it', async () => {
    const server = await fixtures.serve({ maxConnections: 1 });
    const leaving = await fixtures.connect(server, { sendTimeoutMs: 50 });
    unwrap(await leaving.send(Uint8Array.of(1, 2, 3)));
    await turns(10);
    await leaving.disconnect();
    const next = fixtures.client(server.address()!);
    expect(codeOf(await next.connect())).to.equal('ResourceLimitExceeded');
    const witness = new Witness(await fixtures.accept(server));
    await witness.ended();
    expect([...witness.messages[0]!]).to.deep.equal([1, 2, 3]);
    unwrap(await next.connect());
  });
});

function addressOf(client: {
  readonly linkKey: string | undefined;
  readonly peer: { readonly address?: string };
}): string {
  const [first, second] = client.linkKey!.slice('tcp-'.length).split('-');
  return first === client.peer.address ? second! : first!;
}
