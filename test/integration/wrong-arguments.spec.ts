import { createServer, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { scoped } from '@entropynet/conformance/tools';
import { NetworkError, type Result, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer, LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { jsonCodec, requestReply, toTypedPort } from '@entropynet/messaging';
import { instrumentManager } from '@entropynet/opentelemetry';
import { collectManagerMetrics } from '@entropynet/prometheus';
import { toWebStreams } from '@entropynet/streams';
import { ConnectionAgent, serveHttp, undiciConnector } from '@entropynet/streams/http';
import { inspectSharedMemory, removeLeftovers, SharedMemoryConnection } from '@entropynet/transport-shm';
import { WebSocketConnection, WebSocketConnectionServer } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { freshName } from './manager-support.js';

/** Returns the message of a failed call, which may throw, reject or return its failure. */
async function said(call: () => unknown): Promise<string> {
  try {
    const result = (await call()) as Result<unknown> | undefined;
    return result?.ok === false ? `${result.error.code}: ${result.error.message}` : 'taken';
  } catch (error) {
    return error instanceof NetworkError ? `${error.code}: ${error.message}` : String(error);
  }
}

describe('wrong arguments, each with one sentence,', () => {
  it('of the constructors of shared memory and of the search for leftovers', async () => {
    const of = (config: unknown): Promise<string> => said(() => new SharedMemoryConnection(config as never));
    const begin = 'InvalidParameter: invalid configuration: ';
    expect(await of(undefined)).to.equal(`${begin}the configuration was given nothing; an object is allowed`);
    expect(await of({})).to.equal(`${begin}'endpoint' was given nothing; it is required`);
    expect(await of({ endpoint: 5 })).to.match(/'endpoint' was given 5; a name like 'canvas' or an address/);
    expect(await of({ endpoint: '' })).to.match(/'endpoint' was given an empty string; it is empty; a name like/);
    expect(await of({ endpoint: 'x', sharedMemory: new Map([['regionSize', 5]]) })).to.equal(
      `${begin}'sharedMemory' was given a Map; an object is allowed`,
    );
    for (const [options, sentence] of [
      [5, 'removeLeftovers() takes an object of options; a number was given'],
      [new Map(), 'removeLeftovers() takes an object of options; a Map was given'],
      [{ dryrun: true }, "removeLeftovers() has no option 'dryrun'; its options are directory, dryRun, timeoutMs"],
      [{ dryRun: 'no' }, "removeLeftovers(): 'dryRun' was given a string; true or false is allowed"],
      [{ timeoutMs: NaN }, "'timeoutMs' was given NaN; 1 to 2147483647 is allowed"],
      [{ directory: 5 }, "invalid configuration: 'sharedMemory.directory' was given 5; a string that is not empty is"],
    ] as const)
      expect(await said(() => removeLeftovers(options as never))).to.include(`InvalidParameter: ${sentence}`);
    expect(await said(() => inspectSharedMemory(new Date(0) as never))).to.equal(
      'InvalidParameter: inspectSharedMemory() takes an object of options; a Date was given',
    );
  });

  it('of waitForWork(), in which no wrong number waits without end', async () => {
    const connection = new SharedMemoryConnection({ endpoint: freshName() });
    const sentence = 'waitForWork() takes a number of milliseconds, 0 or more;';
    for (const [value, shown] of [
      [NaN, `RangeError: ${sentence} NaN`],
      [-1, `RangeError: ${sentence} -1`],
      [undefined, `TypeError: ${sentence} undefined`],
      ['5', `TypeError: ${sentence} a string`],
      [5n, `TypeError: ${sentence} 5`],
    ] as [never, string][])
      expect(await said(() => connection.waitForWork(value))).to.equal(`${shown} was given`);
    expect(connection.waitForWork(0)).to.equal(false);
    await connection.disconnect();
  });

  it(
    'of ports and requests: schemas, codecs, channels and limits',
    scoped(async (scope) => {
      const server = scope.add(new LoopbackServer({ endpoint: `loopback://${freshName()}` }));
      unwrap(await server.listen());
      const connection = scope.add(new LoopbackConnection({ endpoint: server.address()! }));
      unwrap(await connection.connect());
      const codecs = [5, 'json', null, {}, jsonCodec, { encode: (value: unknown): unknown => value }];
      for (const codec of codecs as never[]) {
        for (const call of [
          (): unknown => toTypedPort(connection, { codec }),
          (): unknown => requestReply(connection, { codec }),
        ]) {
          expect(await said(call)).to.match(
            /^InvalidParameter: \w+\(\): 'codec' was given .+; a codec with encode\(\) and decode\(\) is allowed$/,
          );
        }
      }
      for (const schema of [5, null, {}, { parse: (): void => undefined }, { '~standard': {} }] as never[]) {
        for (const call of [
          (): unknown => toTypedPort(connection, { schema }),
          (): unknown => requestReply(connection, { requestSchema: schema }),
          (): unknown => requestReply(connection, { replySchema: schema }),
        ]) {
          expect(await said(call)).to.match(
            /^InvalidParameter: \w+\(\): '\w+' was given .+; a Standard Schema, such as one of zod or valibot, is allowed$/,
          );
        }
      }
      for (const channel of ['', 'x'.repeat(256)]) {
        for (const call of [
          (): unknown => toTypedPort(connection, { channel }),
          (): unknown => requestReply(connection, { channel }),
        ])
          expect(await said(call)).to.match(/^InvalidParameter: a channel name has 1 to 255 bytes of UTF-8/);
      }
      for (const key of ['maxPending', 'maxHandled', 'maxHandledBytes']) {
        expect(await said(() => requestReply(connection, { [key]: 1.5 }))).to.equal(
          `InvalidParameter: ${key} is a whole number; 1.5 was given`,
        );
      }
      const named = { ...jsonCodec(), encode: (): never => new Int16Array(2) as never };
      expect(await said(() => toTypedPort(connection, { codec: named }).send(1))).to.match(
        /^InvalidMessage: the value can't be sent as JSON: .* Int16Array instead of a Uint8Array$/,
      );
    }),
  );

  it('of handleUpgrade(), before the socket is touched', async () => {
    const server = new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:1/x', webSocket: { noServer: true } });
    const request = new IncomingMessage(new Socket());
    const socket = new Socket();
    for (const [given, sentence] of [
      [[undefined, socket, Buffer.alloc(0)], "the request of an 'upgrade' event first; undefined was given"],
      [[{}, socket, Buffer.alloc(0)], "the request of an 'upgrade' event first; an object was given"],
      [[request, null, Buffer.alloc(0)], "the request's socket second; null was given"],
      [[request, socket, 'head'], 'the first bytes behind the request third; a string was given'],
    ] as const) {
      const call = (): void => server.handleUpgrade(...(given as unknown as Parameters<typeof server.handleUpgrade>));
      expect(await said(call)).to.equal(`TypeError: handleUpgrade() takes ${sentence}`);
    }
    expect(socket.writableEnded).to.equal(false);
    socket.destroy();
  });

  it('of the options of WebSocket that hold an object of the platform', async () => {
    const of = (webSocket: object): Promise<string> =>
      said(() => new WebSocketConnection({ endpoint: 'ws://127.0.0.1:1', webSocket }));
    const begin = "InvalidParameter: invalid configuration: 'webSocket";
    for (const [kind, value] of Object.entries({ Headers: new Headers({ a: 'b' }), Map: new Map([['a', 'b']]) })) {
      expect(await of({ headers: value })).to.equal(
        `${begin}.headers' was given a ${kind}; an object of strings is allowed`,
      );
      expect(await of({ responseHeaders: value })).to.equal(
        `${begin}.responseHeaders' was given a ${kind}; an object of strings and lists of strings is allowed`,
      );
    }
    expect(await of({ agent: {} })).to.equal(
      `${begin}.agent' was given an object; an http.Agent or https.Agent is allowed`,
    );
    expect(await of({ server: { on: 5 } })).to.equal(
      `${begin}.server' was given an object; an http.Server or https.Server is allowed`,
    );
  });

  it('of HTTP over connections, of web streams, metrics and traces', async () => {
    const server = createServer();
    for (const [call, sentence] of [
      [() => new ConnectionAgent(5 as never), 'ConnectionAgent takes a function that opens connections; a number'],
      [() => undiciConnector({} as never), 'undiciConnector() takes a function that opens connections; an object'],
      [() => serveHttp(undefined as never, [] as never), 'serveHttp() takes an http.Server; undefined'],
      [() => serveHttp(server, 'x' as never), 'serveHttp() takes a server whose connections it accepts; a string'],
      [() => serveHttp(server, namesOnly() as never), 'serveHttp() takes a connection or a handle; a string'],
    ] as [() => unknown, string][])
      expect(await said(call)).to.equal(`TypeError: ${sentence} was given`);
    const connection = new LoopbackConnection({ endpoint: `loopback://${freshName()}` });
    const { signal } = new AbortController();
    for (const options of [[], signal, new Map()] as never[])
      expect(await said(() => toWebStreams(connection, options))).to.match(
        /^InvalidParameter: a stream takes an object of options; an? \w+ was given$/,
      );
    const manager = new ConnectionManager([new LoopbackTransport()]);
    for (const wrong of [[], new Date(0), new Map()] as never[]) {
      expect(await said(() => collectManagerMetrics(manager, wrong))).to.include('takes an object of options;');
      expect(await said(() => collectManagerMetrics(manager, { labels: wrong }))).to.include("'labels' was given");
      expect(await said(() => instrumentManager(manager, { attributes: wrong }))).to.include("'attributes' was given");
    }
    for (const wrong of [null, undefined, 5, {}, { getManagerMetrics: (): unknown => ({}) }] as never[]) {
      for (const call of [
        (): unknown => collectManagerMetrics(wrong, { register: new Registry() }),
        (): unknown => instrumentManager(wrong),
      ])
        expect(await said(call)).to.match(/^TypeError: \w+\(\) takes a ConnectionManager; .+ was given$/);
    }
    manager.release();
  });
});

async function* namesOnly(): AsyncGenerator<string> {
  yield 'a name';
}
