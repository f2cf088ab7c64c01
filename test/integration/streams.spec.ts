import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Socket } from 'node:net';
import { finished, pipeline } from 'node:stream/promises';
import { turns, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, TRANSPORT, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import {
  type ConnectionDuplex,
  type ConnectionDuplexOptions,
  StreamError,
  toDuplex,
  toWebStreams,
} from '@entropynet/streams';
import { SharedMemoryTransport, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { ContainerModule } from 'inversify';
import ssh2 from 'ssh2';
import { freshName } from './manager-support.js';

const MEBIBYTE = 1024 * 1024;

const loopbackModule = new ContainerModule(({ bind }) => {
  bind(TRANSPORT).toConstantValue(new LoopbackTransport());
});

const probe = await new SharedMemoryTransport().probe({ endpoint: freshName() });
const hasAddon = probe.available || !probe.reason.includes('addon');

const ENDPOINTS: Readonly<Record<string, () => string>> = {
  loopback: () => `loopback://${freshName()}`,
  websocket: () => 'ws://127.0.0.1:0/streams',
  ...(hasAddon && { 'shared-memory': () => `shm://${freshName()}` }),
};

for (const [backend, freshEndpoint] of Object.entries(ENDPOINTS)) {
  describe(`streams over ${backend}`, () => {
    let networking: Networking;

    beforeEach(async () => {
      const transports = [loopbackModule, sharedMemoryTransportModule, webSocketTransportModule];
      networking = await createNetworking({ transports });
    });

    afterEach(() => networking.close());

    async function handles(config: Partial<ConnectionConfig> = {}): Promise<[ConnectionHandle, ConnectionHandle]> {
      const server = unwrap(networking.manager.createServer({ ...config, endpoint: freshEndpoint() }));
      unwrap(await server.listen());
      const endpoint = server.addresses()[0]!;
      const client = unwrap(networking.manager.openConnection({ ...config, endpoint }));
      const accepting = server.accept();
      unwrap(await client.connect());
      return [client, unwrap(await accepting)];
    }

    async function duplexes(
      config?: Partial<ConnectionConfig>,
      options?: ConnectionDuplexOptions,
    ): Promise<[ConnectionDuplex, ConnectionDuplex]> {
      const [client, accepted] = await handles(config);
      return [toDuplex(client, options), toDuplex(accepted, options)];
    }

    it('carries bytes both ways at once, whole and in order, and ends each direction by itself', async () => {
      const [near, far] = await duplexes({}, { allowHalfOpen: true });
      const [there, back] = [randomBytes(8 * MEBIBYTE), randomBytes(3 * MEBIBYTE + 1)];
      near.end(there);
      const received = await within(bytesOf(far), 'the far side read everything');
      expect(hashOf(received)).to.equal(hashOf(there));
      expect(far.writable, 'the other direction is open').to.equal(true);
      far.end(back);
      expect(hashOf(await within(bytesOf(near), 'the near side read everything'))).to.equal(hashOf(back));
      for (const each of [near, far]) if (!each.closed) await once(each, 'close');
    });

    it('cuts writes to the limit of a message', async () => {
      const [near, far] = await duplexes({ maxMessageSize: 1000 });
      const bytes = randomBytes(50_000);
      near.end(bytes);
      expect(hashOf(await within(bytesOf(far), 'everything was read'))).to.equal(hashOf(bytes));
      far.end();
      await finished(near.resume());
    });

    it('holds a writer back while nobody reads, in limited memory', async () => {
      const [near, far] = await duplexes({ sendTimeoutMs: 50, channelWindow: 65_536 });
      let isHeldBack = false;
      let written = 0;
      const chunk = Buffer.alloc(32_768, 7);
      while (!isHeldBack) {
        expect(written).to.be.lessThan(64 * MEBIBYTE);
        written += chunk.length;
        if (near.write(chunk)) continue;
        const drained = once(near, 'drain').then(() => true);
        isHeldBack = !(await Promise.race([drained, turns(100).then(() => false)]));
      }
      near.end();
      expect((await within(bytesOf(far), 'everything was read')).length).to.equal(written);
      far.end();
      await finished(near.resume());
    });

    it('reports a cancelled stream and its reason to the other side', async () => {
      const [near, far] = await duplexes();
      near.on('error', () => undefined);
      near.write('beginning');
      const failed = once(far.resume(), 'error');
      near.destroy(new Error('the disk is full'));
      const [error] = (await within(failed, 'the far side failed')) as [StreamError];
      expect(error).to.be.instanceOf(StreamError);
      expect([error.code, error.networkCode]).to.deep.equal(['ECONNRESET', 'Aborted']);
      expect(error.cause.message).to.equal('the peer cancelled the stream: the disk is full');
    });

    it('reports it after everything that was written, however long the peer reads nothing', async () => {
      const channel = 'held up';
      const [client, accepted] = await handles({ channelWindow: 65_536, sendTimeoutMs: 20 });
      const near = toDuplex(client, { channel });
      near.on('error', () => undefined);
      let written = 0;
      for (let quiet = 0; quiet < 20;) {
        // Something waits in the stream itself: the peer has room for no more.
        if (near.writableLength > 0) quiet += 1;
        else {
          [quiet, written] = [0, written + 1];
          near.write('x');
        }
        await turns(1);
      }
      near.destroy(new Error('the disk is full'));
      // Longer than one send may take, by the peer's own clock of turns: nobody has taken a message yet.
      const waited = accepted.channel('another');
      for (let rounds = 0; rounds < 3; rounds += 1) {
        unwrap(await waited.open());
        const late = await client.channel(channel).send(new Uint8Array(100_000));
        expect(late.ok).to.equal(false);
      }
      let read = 0;
      const far = toDuplex(accepted, { channel });
      far.on('data', (part: Buffer) => (read += part.length));
      const [error] = (await within(once(far, 'error'), 'the far side failed')) as [StreamError];
      expect([error.networkCode, error.cause.message]).to.deep.equal([
        'Aborted',
        'the peer cancelled the stream: the disk is full',
      ]);
      expect(read, 'all but what waited in the stream').to.equal(written - 1);
      expect(client.isConnected()).to.equal(true);
    });

    it('fails if the connection ends before the stream', async () => {
      const [client, accepted] = await handles();
      const near = toDuplex(client);
      const failed = once(near.resume(), 'error');
      await accepted.disconnect();
      const [error] = (await within(failed, 'the stream failed')) as [StreamError];
      expect([error.code, error.networkCode]).to.deep.equal(['ECONNRESET', 'ConnectionClosed']);
      expect(near.destroyed).to.equal(true);
    });

    it('fails if the peer does not send a stream', async () => {
      const [client, accepted] = await handles();
      const near = toDuplex(client, { endsConnection: false });
      const failed = once(near.resume(), 'error');
      unwrap(await accepted.send(new Uint8Array(0)));
      unwrap(await accepted.send(Uint8Array.of(9, 9)));
      const [error] = (await within(failed, 'the stream failed')) as [StreamError];
      expect([error.code, error.networkCode]).to.deep.equal(['EPROTO', 'InvalidMessage']);
      expect(error.message).to.contain('2 bytes that begin with 9');
      expect(client.isConnected()).to.equal(true);
    });

    it('carries several streams over one connection, each on a channel, one after the other too', async () => {
      const [client, accepted] = await handles();
      for (const round of [1, 2]) {
        const names = ['first', 'second', 'third'];
        const texts = await within(
          Promise.all(
            names.map(async (channel) => {
              const [near, far] = [toDuplex(client, { channel }), toDuplex(accepted, { channel })];
              far.end();
              near.end(channel.repeat(round * 10_000));
              const closed = [once(near, 'close'), once(far, 'close')];
              const read = await bytesOf(far);
              near.resume();
              await Promise.all(closed);
              return read.toString();
            }),
          ),
          'all streams were read',
        );
        expect(texts).to.deep.equal(names.map((name) => name.repeat(round * 10_000)));
      }
      expect(client.isConnected()).to.equal(true);
    });

    it('serves HTTP, unchanged: keep-alive, a long body, an aborted request', async () => {
      const [client, accepted] = await handles();
      let served = 0;
      let abortedRequests = 0;
      const server = http.createServer((request, response) => {
        served += 1;
        request.on('error', () => (abortedRequests += 1));
        if (request.url === '/never') return;
        pipeline(request, response).catch(() => undefined);
      });
      const near = toDuplex(client);
      server.emit('connection', toDuplex(accepted));
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      agent.createConnection = () => near;
      const post = async (body: Buffer): Promise<Buffer> => {
        const request = http.request({ agent, method: 'POST', path: '/echo', host: 'peer' });
        request.end(body);
        const [response] = (await once(request, 'response')) as [http.IncomingMessage];
        return buffer(response);
      };
      const long = randomBytes(4 * MEBIBYTE);
      expect((await within(post(Buffer.from('short')), 'a short body came back')).toString()).to.equal('short');
      expect(hashOf(await within(post(long), 'a long body came back'))).to.equal(hashOf(long));
      expect(near.destroyed, 'the connection is kept').to.equal(false);
      const given = http.request({ agent, path: '/never', host: 'peer', method: 'POST' });
      given.on('error', () => undefined);
      given.write('begun');
      await until(() => served === 3, 'the request arrived');
      given.destroy();
      await until(() => abortedRequests === 1, 'the server saw that the request was given up');
      agent.destroy();
    });

    it('carries SSH, unchanged: a login, commands side by side, a long answer', async () => {
      const [near, far] = await duplexes();
      const { private: hostKey } = ssh2.utils.generateKeyPairSync('ed25519');
      const answer = randomBytes(2 * MEBIBYTE);
      const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
        client.on('authentication', (attempt) => {
          if (attempt.method === 'password' && attempt.password === 'open sesame') attempt.accept();
          else attempt.reject(['password']);
        });
        client.on('session', (accept) => {
          accept().on('exec', (acceptCommand, _reject, { command }) => {
            const stream = acceptCommand();
            stream.exit(command === 'fail' ? 3 : 0);
            stream.end(command === 'fail' ? '' : answer);
          });
        });
      });
      server.injectSocket(far as unknown as Socket);
      const client = new ssh2.Client();
      const ready = once(client, 'ready');
      client.connect({ sock: near, username: 'user', password: 'open sesame' });
      await within(ready, 'SSH is ready');
      // The listeners stand before the callback returns: what follows may come in the same chunk, as from a socket.
      const run = (command: string): Promise<[Buffer, number]> =>
        new Promise((resolve, reject) => {
          client.exec(command, (error, stream) => {
            if (error !== undefined) reject(error);
            else {
              const exited = once(stream, 'exit') as Promise<[number]>;
              void Promise.all([buffer(stream), exited]).then(([output, [code]]) => {
                resolve([output, code]);
              });
            }
          });
        });
      const [[first, code], [, failure], [second]] = await Promise.all([run('a'), run('fail'), run('b')]);
      expect([code, failure]).to.deep.equal([0, 3]);
      expect(first.equals(answer) && second.equals(answer)).to.equal(true);
      const closed = once(client, 'close');
      client.end();
      await within(closed, 'SSH is over');
      await within(
        finished(far).catch(() => undefined),
        'the stream ended',
      );
    });

    it('are web streams, too', async () => {
      const [client, accepted] = await handles();
      const [near, far] = [toWebStreams(client), toWebStreams(accepted)];
      const echoing = far.readable.pipeTo(far.writable);
      const writer = near.writable.getWriter();
      const bytes = randomBytes(MEBIBYTE);
      const writing = writer.write(bytes).then(() => writer.close());
      const parts: Uint8Array[] = [];
      for await (const part of near.readable) parts.push(part);
      await Promise.all([writing, echoing]);
      expect(hashOf(Buffer.concat(parts))).to.equal(hashOf(bytes));
    });

    it('time out, like sockets, while no bytes arrive', async () => {
      const [near, far] = await duplexes();
      let count = 0;
      near.setTimeout(20, () => (count += 1));
      await until(() => count === 1, 'the timeout was reported');
      near.setTimeout(0);
      near.end();
      far.end();
      await Promise.all([finished(near.resume()), finished(far.resume())]);
    });
  });
}

/** All that a stream gives; unlike `stream/consumers`, without destroying the other direction. */
function bytesOf(duplex: ConnectionDuplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    duplex.on('data', (part: Buffer) => parts.push(part));
    duplex.once('end', () => {
      resolve(Buffer.concat(parts));
    });
    duplex.once('error', reject);
  });
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
