import { expect } from 'chai';
import { CHANNEL_CONTROL, type ConnectionConfig, NetworkError, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager, createNetworking } from '@entropynet/manager';
import { codeOf, freshName, listen, makeManager, PigeonTransport, pigeonTransportModule } from './manager-support.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** The next message of a handle. */
function nextMessage(handle: ConnectionHandle): Promise<number[]> {
  return new Promise((resolve) => {
    handle.setMessageCallback((data) => {
      resolve([...data]);
    });
  });
}

describe('the connection manager', () => {
  const { manager } = makeManager();

  afterEach(() => manager.closeAll());

  after(() => {
    manager.release();
  });

  async function pair(
    config: ConnectionConfig = { endpoint: freshName() },
  ): Promise<{ client: ConnectionHandle; accepted: ConnectionHandle }> {
    const server = await listen(manager, config);
    const client = unwrap(manager.openConnection(config));
    unwrap(await client.connect());
    return { client, accepted: unwrap(await server.accept()) };
  }

  describe('handles', () => {
    it('opens without connecting, and returns an error to a sender', async () => {
      const handle = unwrap(manager.openConnection({ endpoint: freshName() }));
      expect(handle.getState()).to.equal('disconnected');
      expect(codeOf(handle.trySend(bytes(1)))).to.equal('ConnectionClosed');
      expect(codeOf(await handle.send(bytes(1)))).to.equal('ConnectionClosed');
      expect(handle.getSelection()).to.equal(undefined);
    });

    it('carries messages and channels both ways', async () => {
      const { client, accepted } = await pair();
      const there = nextMessage(accepted);
      expect(codeOf(client.trySend(bytes(1)))).to.equal('ok');
      expect(await there).to.deep.equal([1]);
      const back = new Promise((resolve) => {
        client.setChannelMessageCallback(CHANNEL_CONTROL, resolve);
      });
      unwrap(await accepted.openChannel(CHANNEL_CONTROL));
      unwrap(await accepted.sendOnChannel(CHANNEL_CONTROL, bytes(2)));
      expect(await back).to.deep.equal(bytes(2));
    });

    it('delivers its messages to a loop, which ends when the handle is closed', async () => {
      const { client, accepted } = await pair();
      for (const value of [1, 2, 3]) unwrap(await client.send(bytes(value)));
      const seen: number[] = [];
      for await (const data of accepted.messages()) if (seen.push(...data) === 3) break;
      expect(seen).to.deep.equal([1, 2, 3]);
      const waiting = accepted.messages().next();
      await accepted.close();
      expect(await waiting).to.deep.equal({ done: true, value: undefined });
      expect(() => accepted.messages()).to.throw(NetworkError, 'stale handle');
    });

    it('[HANDLE-1] makes every copy invalid at close, for operations and getters', async () => {
      const { client } = await pair();
      const copy = client.copy();
      expect(copy?.equals(client)).to.equal(true);
      await client.close();
      for (const handle of [client, copy as ConnectionHandle]) {
        expect(handle.valid()).to.equal(false);
        expect(manager.isValidHandle(handle)).to.equal(false);
        const outcomes = [
          handle.trySend(bytes(1)),
          await handle.send(bytes(1)),
          await handle.connect(),
          await handle.disconnect(),
          await handle.openChannel('x'),
          handle.trySendOnChannel('x', bytes(1)),
          await handle.sendOnChannel('x', bytes(1)),
          await handle.sendUnreliable(bytes(1)),
          handle.claim(1),
          handle.trySendBatch([bytes(1)]),
        ];
        expect(new Set(outcomes.map(codeOf))).to.deep.equal(new Set(['InvalidParameter']));
        expect([
          handle.getState(),
          handle.isConnected(),
          handle.getStats().bytesSent,
          handle.isChannelOpen('x'),
        ]).to.deep.equal(['disconnected', false, 0, false]);
      }
      expect(codeOf(await client.close())).to.equal('ok');
    });

    it('[HANDLE-2] never reaches a slot that is used again through an old handle', async () => {
      const old = unwrap(manager.openConnection({ endpoint: freshName() }));
      await old.close();
      const fresh = unwrap(manager.openConnection({ endpoint: freshName() }));
      expect(fresh.handleIndex()).to.equal(old.handleIndex());
      expect(fresh.handleGeneration()).to.equal(old.handleGeneration() + 1);
      expect(old.valid()).to.equal(false);
      expect(fresh.equals(old)).to.equal(false);
    });

    it('is full at its capacity, and has room after a close', async () => {
      const handles = Array.from({ length: manager.capacity() }, () =>
        unwrap(manager.openConnection({ endpoint: 'x' })),
      );
      expect(codeOf(manager.openConnection({ endpoint: 'x' }))).to.equal('ResourceLimitExceeded');
      await handles[3]?.close();
      expect(codeOf(manager.openConnection({ endpoint: 'x' }))).to.equal('ok');
      expect(manager.activeCount()).to.equal(manager.capacity());
    });

    it('[END-1] delivers what was accepted before a close, to the peer', async () => {
      const { client, accepted } = await pair();
      const received: number[] = [];
      accepted.setMessageCallback((data) => received.push(data[0] ?? -1));
      const ended = new Promise<void>((resolve) => {
        accepted.on('state', (state) => {
          if (state === 'disconnected') resolve();
        });
      });
      for (let count = 0; count < 100; count += 1) unwrap(await client.send(bytes(count)));
      await client.close();
      await ended;
      expect(received).to.deep.equal(Array.from({ length: 100 }, (_unused, index) => index));
    });

    it('[CALLBACK-1] [CALLBACK-4] may be closed inside its own callback, after which no callback starts', async () => {
      const { client, accepted } = await pair();
      let calls = 0;
      const closed = new Promise<void>((resolve) => {
        accepted.setMessageCallback(async () => {
          calls += 1;
          await accepted.close();
          resolve();
        });
      });
      for (let count = 0; count < 10; count += 1) client.trySend(bytes(count));
      await closed;
      expect(calls).to.equal(1);
    });

    it('[HANDLE-5] reports each transition once, and connects again after a disconnect', async () => {
      const endpoint = freshName();
      await listen(manager, { endpoint });
      const handle = unwrap(manager.openConnection({ endpoint }));
      const states: string[] = [];
      handle.setStateCallback((state) => states.push(state));
      unwrap(await handle.connect());
      unwrap(await handle.disconnect());
      const again = [handle.connect(), handle.connect()];
      expect((await Promise.all(again)).map(codeOf)).to.deep.equal(['ok', 'ok']);
      expect(states).to.deep.equal([
        'connecting',
        'connected',
        'disconnecting',
        'disconnected',
        'connecting',
        'connected',
      ]);
    });

    it('gives up an attempt by disconnect and by signal', async () => {
      const endpoint = `pigeon://${freshName()}`;
      const handle = unwrap(manager.openConnection({ endpoint }));
      const connecting = handle.connect({ signal: AbortSignal.abort() });
      expect(codeOf(await connecting)).to.equal('Aborted');
      expect(handle.getState()).to.equal('failed');
    });
  });

  describe('adoption', () => {
    it('[ADOPTION-4] keeps early messages and delivers them in order', async () => {
      const endpoint = freshName();
      const transport = new LoopbackTransport();
      const server = transport.createServer({ endpoint });
      unwrap(await server.listen());
      const client = transport.createConnection({ endpoint });
      unwrap(await client.connect());
      for (let count = 0; count < 5; count += 1) unwrap(await client.send(bytes(count)));
      const accepted = unwrap(await server.accept());
      const handle = unwrap(manager.adoptConnection(accepted));
      expect(handle.getState()).to.equal('connected');
      const received: number[] = [];
      await new Promise<void>((resolve) => {
        handle.setMessageCallback((data) => {
          received.push(data[0] ?? -1);
          if (received.length === 5) resolve();
        });
      });
      expect(received).to.deep.equal([0, 1, 2, 3, 4]);
      expect(codeOf(manager.adoptConnection(accepted))).to.equal('AlreadyExists');
      await client.disconnect();
      expect(codeOf(manager.adoptConnection(client))).to.equal('ConnectionClosed');
      await server.close();
    });
  });

  describe('metrics', () => {
    it('[STATISTICS-6] counts each real transition once', async () => {
      const own = new ConnectionManager([new LoopbackTransport()], { capacity: 4 });
      const endpoint = freshName();
      const server = unwrap(own.createServer({ endpoint }));
      unwrap(await server.listen());
      const client = unwrap(own.openConnection({ endpoint }));
      unwrap(await client.connect());
      const accepted = unwrap(await server.accept());
      const received = nextMessage(accepted);
      unwrap(await client.send(bytes(1, 2, 3)));
      await received;
      const ended = new Promise((resolve) => {
        accepted.on('state', resolve);
      });
      await client.disconnect();
      await client.disconnect();
      await ended;
      await own.closeAll();
      await unwrap(own.openConnection({ endpoint })).connect();
      expect(own.getManagerMetrics()).to.deep.equal({
        totalBytesSent: 3,
        totalBytesReceived: 3,
        totalMessagesSent: 1,
        totalMessagesReceived: 1,
        connectionsOpened: 2,
        connectionsFailed: 1,
        connectionsClosed: 2,
        wouldBlockSends: 0,
      });
      own.release();
    });
  });

  describe('set-up', () => {
    it('accepts a third-party transport', async () => {
      const networking = await createNetworking({
        transports: [pigeonTransportModule],
        config: { endpoint: 'pigeon://x' },
      });
      const endpoint = `pigeon://${freshName()}`;
      const server = unwrap(networking.manager.createServer({ endpoint }));
      unwrap(await server.listen());
      const client = unwrap(networking.manager.openConnection({ endpoint }));
      unwrap(await client.connect());
      expect(client.getBackend()).to.equal('carrier-pigeon');
      expect(networking.config?.connectTimeoutMs).to.equal(5000);
      await networking.close();
      expect(networking.manager.activeCount()).to.equal(0);
    });

    it('rejects a wrong configuration, a wrong capacity and a duplicate backend', async () => {
      const attempt = async (options: object): Promise<unknown> => {
        try {
          await createNetworking({ transports: [], ...options });
          return undefined;
        } catch (error) {
          return error;
        }
      };
      for (const options of [
        { config: { endpoint: '' } },
        { capacity: 0 },
        { transports: [pigeonTransportModule, pigeonTransportModule] },
      ]) {
        const error = await attempt(options);
        expect(error).to.be.instanceOf(NetworkError);
        expect((error as NetworkError).code).to.equal('InvalidParameter');
      }
      expect(() => new ConnectionManager([new PigeonTransport(), new PigeonTransport()])).to.throw('carrier-pigeon');
    });
  });
});
