import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Socket } from 'node:net';
import { finished, pipeline } from 'node:stream/promises';
import { until, within } from '@entropynet/conformance/tools';
import { err } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { toDuplex } from '@entropynet/streams';
import { expect } from 'chai';
import ssh2 from 'ssh2';
import { describeOverTransports } from './transport-bench.js';
import { duplexes, hashOf, MEBIBYTE } from './stream-support.js';
import { ConnectionAgent, serveHttp, undiciConnector } from '@entropynet/streams/http';

describeOverTransports('protocols on streams', (bench) => {
  it('serves HTTP, unchanged: keep-alive, a long body, an aborted request', async () => {
    const [client, accepted] = await bench.connect();
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
    const [near, far] = await duplexes(bench);
    // The library's own generator writes one key in 200 that it can't read.
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const hostKey = privateKey.export({ type: 'sec1', format: 'pem' });
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
    // The listeners are set before the callback returns, because the next bytes may be in the same chunk, as from a
    // socket.
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

  it('serves HTTP with an agent, and releases every connection', async () => {
    const { server, config } = await bench.serve();
    const httpServer = http.createServer((request, response) => response.end(`this is ${request.url ?? ''}`));
    void serveHttp(httpServer, server);
    const agent = new ConnectionAgent(() => bench.manager.openConnection(config), { keepAlive: false });
    const get = async (path: string): Promise<string> => {
      const [response] = (await once(http.get({ agent, host: 'peer', path }), 'response')) as [http.IncomingMessage];
      return (await buffer(response)).toString();
    };
    const paths = Array.from({ length: 20 }, (_each, index) => `/${index}`);
    const texts = await within(Promise.all(paths.map(get)), 'all answers came');
    expect(texts).to.deep.equal(paths.map((path) => `this is ${path}`));
    await until(() => bench.manager.activeCount() === 0, 'each place is free again');
    agent.destroy();
    httpServer.close();
  });

  it("fails each HTTP request whose connection can't be opened, and answers the others", async () => {
    const { server, config } = await bench.serve();
    const httpServer = http.createServer((_request, response) => response.end('served'));
    void serveHttp(httpServer, server);
    const openOne = (): ConnectionHandle => bench.open(config);
    const outcomes: readonly (() => unknown)[] = [
      openOne,
      () => err('ResourceLimitExceeded', 'no connection is free'),
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- programs throw such values
        throw null;
      },
      () => undefined,
      openOne,
    ];
    const left = outcomes.values();
    const agent = new ConnectionAgent(() => left.next().value?.() as ConnectionHandle, {
      keepAlive: false,
      maxSockets: 1,
    });
    const get = (): Promise<string> =>
      new Promise((resolve) => {
        const request = http.get(
          { agent, host: 'peer', timeout: 60_000, headers: { connection: 'close' } },
          (response) => {
            void buffer(response).then((body) => {
              resolve(body.toString());
            });
          },
        );
        request.on('error', (error: NodeJS.ErrnoException) => {
          resolve(error.code ?? error.message);
        });
      });
    // The later requests wait for the only socket, so Node.js opens theirs when an earlier one has closed.
    const answers = await within(Promise.all(outcomes.map(get)), 'each request ended');
    expect(answers).to.deep.equal([
      'served',
      'ECONNREFUSED',
      'null',
      'a stream takes a connection or a handle; undefined was given',
      'served',
    ]);
    const connector = undiciConnector(() => outcomes[2]?.() as ConnectionHandle);
    const [error, socket] = await new Promise<unknown[]>((resolve) => {
      connector({ hostname: 'peer' }, (...outcome) => {
        resolve(outcome);
      });
    });
    expect([(error as Error).message, socket]).to.deep.equal(['null', null]);
    agent.destroy();
    httpServer.close();
  });

  it('closes a connection that has another consumer, and fails its HTTP request', async () => {
    const { config } = await bench.serve();
    const openTaken = (): ConnectionHandle => {
      const handle = bench.open(config);
      handle.setMessageCallback(() => undefined);
      return handle;
    };
    const agent = new ConnectionAgent(openTaken, { keepAlive: false });
    const [failed] = (await within(once(http.get({ agent, host: 'peer' }), 'error'), 'the request failed')) as [Error];
    expect(failed.message).to.include('takes the messages of');
    const [error] = await new Promise<unknown[]>((resolve) => {
      undiciConnector(openTaken)({ hostname: 'peer' }, (...outcome) => {
        resolve(outcome);
      });
    });
    expect((error as Error).message).to.include('takes the messages of');
    await until(() => bench.manager.activeCount() === 0, 'each place is free again');
    agent.destroy();
  });

  it("continues to serve HTTP if one connection can't be served, and releases that one", async () => {
    const { server, config } = await bench.serve();
    const httpServer = http.createServer((_request, response) => response.end('served'));
    let isFirst = true;
    httpServer.prependListener('connection', () => {
      const mustFail = isFirst;
      isFirst = false;
      if (mustFail) throw new Error('not this one');
    });
    const warned = once(process, 'warning') as Promise<[Error]>;
    void serveHttp(httpServer, server);
    const agent = new ConnectionAgent(() => bench.manager.openConnection(config), { keepAlive: false });
    const options = { agent, host: 'peer' };
    await within(once(http.get(options), 'error'), 'the first request failed');
    const [response] = (await once(http.get(options), 'response')) as [http.IncomingMessage];
    expect((await buffer(response)).toString()).to.equal('served');
    expect((await warned)[0].message).to.include('could not be served over HTTP');
    await until(() => bench.manager.activeCount() === 0, 'each place is free again');
    agent.destroy();
    httpServer.close();
  });
});
