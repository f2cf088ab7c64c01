import { once } from 'node:events';
import { expect } from 'chai';
import { scoped } from '@entropynet/conformance/tools';
import { NetworkError, type Result, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer, LoopbackTransport } from '@entropynet/core/testing';
import { serveInspector, startInspectorAgent } from '@entropynet/inspector';
import { ConnectionManager, createNetworking } from '@entropynet/manager';
import { requestReply, toTypedPort } from '@entropynet/messaging';
import { instrumentConnections, instrumentManager, traceRequests } from '@entropynet/opentelemetry';
import { collectManagerMetrics } from '@entropynet/prometheus';
import { connectDuplex, toDuplex, toWebStreams } from '@entropynet/streams';
import { receiveFile, sendFile } from '@entropynet/streams/files';
import { NatsConnectionServer, NatsTransport } from '@entropynet/transport-nats';
import { inspectSharedMemory, removeLeftovers, SharedMemoryServer } from '@entropynet/transport-shm';
import { WebSocketConnectionServer, WebSocketTransport } from '@entropynet/transport-ws';
import { unhandledDuring } from '../support/unhandled.js';
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

describe('options that do not exist', () => {
  it(
    'are refused by every call with options, with the existing names',
    scoped(async (scope) => {
      const server = new LoopbackServer({ endpoint: freshName() });
      scope.defer(() => server.close());
      unwrap(await server.listen());
      const config = { endpoint: server.address()! };
      const client = new LoopbackConnection(config);
      scope.defer(() => client.disconnect());
      unwrap(await client.connect());
      // The channel of requestReply() closes only if the peer reads.
      unwrap(await server.accept()).startReceiving();
      const manager = new ConnectionManager([new LoopbackTransport()]);
      scope.defer(async () => {
        await manager.closeAll();
        manager.release();
      });
      const handle = unwrap(manager.openConnection(config));
      const managed = unwrap(manager.createServer(config));
      // Arguments that JavaScript programs may pass. The compiler refuses each of them.
      const wrong = { chanel: 'x', '\u001b[2J': 1 } as object;
      const calls: Readonly<Record<string, () => unknown>> = {
        'connect()': () => client.connect(wrong),
        'disconnect()': () => client.disconnect(wrong),
        'send()': () => client.send(new Uint8Array(1), wrong),
        'send() ': () => client.defaultChannel.send(new Uint8Array(1), wrong),
        'trySendBatch()': () => client.trySendBatch([new Uint8Array(1)], wrong),
        'openChannel()': () => client.openChannel('x', wrong),
        'closeChannel()': () => client.closeChannel('x', wrong),
        'open()': () => client.channel('x').open(wrong),
        'close()': () => client.channel('x').close(wrong),
        'take()': () => client.defaultChannel.take({ onMessage: () => undefined }, { name: 'x', ...wrong }),
        'connect() ': () => handle.connect(wrong),
        'disconnect() ': () => handle.disconnect(wrong),
        'accept()': () => server.accept(wrong),
        'accept() ': () => managed.accept(wrong),
        'accept()  ': () => new SharedMemoryServer(config).accept(wrong),
        'accept()   ': () => new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:0' }).accept(wrong),
        'accept()    ': () => new NatsConnectionServer({ endpoint: 'nats://127.0.0.1:1/x' }).accept(wrong),
        'values()': () => toTypedPort(client).values(wrong),
        'createNetworking()': () => createNetworking({ transports: [], ...wrong }),
        ConnectionManager: () => new ConnectionManager([], wrong),
        'messages()': () => client.messages(wrong),
        'messages() ': () => client.defaultChannel.messages(wrong),
        'setMessageCallback()': () => {
          client.setMessageCallback(() => undefined, wrong);
        },
        'broadcast()': () => server.broadcast(new Uint8Array(1), wrong),
        'a stream': () => toDuplex(client, wrong),
        'a stream ': () => connectDuplex(client, wrong),
        'a stream  ': () => toWebStreams(client, wrong),
        'sendFile()': () => sendFile(client, '/nowhere', wrong),
        'receiveFile()': () => receiveFile(client, '/nowhere', wrong),
        'requestReply()': () => requestReply(client, wrong),
        'toTypedPort()': () => toTypedPort(client, wrong),
        'serveInspector()': () => serveInspector(wrong),
        'startInspectorAgent()': () => startInspectorAgent(wrong),
        'inspectSharedMemory()': () => inspectSharedMemory(wrong),
        'removeLeftovers()': () => removeLeftovers(wrong),
        'instrumentConnections()': () => instrumentConnections(wrong),
        'instrumentManager()': () => instrumentManager(manager, wrong),
        'traceRequests()': () => traceRequests({} as Parameters<typeof traceRequests>[0], wrong),
        'collectManagerMetrics()': () => collectManagerMetrics(manager, wrong),
      };
      for (const [what, call] of Object.entries(calls)) {
        const sentence = await said(call);
        expect(sentence, what).to.match(/^(InvalidParameter|TypeError): /);
        expect(sentence, what).to.include(`${what.trim()} has no option 'chanel', `).and.to.include('its options are ');
        expect(sentence, what).not.to.include('\u001b');
      }
      const requests = unwrap(await requestReply(client));
      expect(await said(() => requests.request(1, { timeout: 5 } as object))).to.equal(
        "InvalidParameter: request() has no option 'timeout'; its options are signal, timeoutMs, metadata",
      );
      await requests.close();
    }),
  );

  it('differ from values that are not an object of options', async () => {
    expect(await said(() => createNetworking(undefined as never))).to.include('nothing was given');
    expect(await said(() => serveInspector(5 as never))).to.include('takes an object of options; a number was given');
    expect(await said(() => serveInspector(null as never))).to.include('null was given');
    expect(await said(() => receiveFile({} as never, '.', { maxBytes: Number.NaN }))).to.include(
      "'maxBytes' was given NaN",
    );
  });
});

describe('the log function of a manager', () => {
  it('loses only its line if it throws, and must be a function', async () => {
    expect(() => new ConnectionManager([], { log: 'x' as never })).to.throw(NetworkError, "'log' was given a string");
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const manager = new ConnectionManager([new LoopbackTransport()], {
      log: () => {
        throw new Error('the disk is full');
      },
    });
    const config = { endpoint: 'shm-of-nobody', fallback: [`loopback://${freshName()}`] };
    const server = unwrap(manager.createServer({ endpoint: config.fallback[0]! }));
    unwrap(await server.listen());
    const accepting = server.accept();
    const handle = unwrap(manager.openConnection(config));
    unwrap(await handle.connect());
    expect((await accepting).ok).to.equal(true);
    expect(handle.getState()).to.equal('connected');
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(warnings.map(({ message }) => message)).to.deep.equal(["the function 'log' failed: the disk is full"]);
    await manager.closeAll();
    manager.release();
  });

  it('loses only its line if its promise rejects', async () => {
    const warned = once(process, 'warning') as Promise<[Error]>;
    const manager = new ConnectionManager([new LoopbackTransport()], {
      log: () => Promise.reject(new Error('the disk is full')),
    });
    const endpoint = `loopback://${freshName()}`;
    const server = unwrap(manager.createServer({ endpoint }));
    unwrap(await server.listen());
    const unhandled = await unhandledDuring(async () => {
      unwrap(await unwrap(manager.openConnection({ endpoint: 'shm-of-nobody', fallback: [endpoint] })).connect());
    });
    expect(unhandled).to.deep.equal([]);
    expect((await warned)[0].message).to.equal("the function 'log' failed: the disk is full");
    await manager.closeAll();
    manager.release();
  });
});

describe('wrong arguments', () => {
  it(
    'are named by every call that takes a connection, a handle or a list of transports',
    scoped(async (scope) => {
      const manager = new ConnectionManager([new LoopbackTransport()]);
      scope.defer(async () => {
        await manager.closeAll();
        manager.release();
      });
      const opened = manager.openConnection({ endpoint: `loopback://${freshName()}` });
      const handle = unwrap(opened);
      const wrong = opened as never;
      const calls: Readonly<Record<string, () => unknown>> = {
        'adoptConnection()': () => manager.adoptConnection(wrong),
        'a stream': () => toDuplex(wrong),
        'a stream ': () => connectDuplex(wrong),
        'a stream  ': () => toWebStreams(wrong),
        'toTypedPort()': () => toTypedPort(wrong),
        'requestReply()': () => requestReply(wrong),
        'sendFile()': () => sendFile(wrong, '/nowhere'),
        'receiveFile()': () => receiveFile(wrong, '/nowhere'),
      };
      for (const [what, call] of Object.entries(calls)) {
        expect(await said(call), what).to.equal(
          `TypeError: ${what.trim()} takes a connection or a handle; a Result was given: unwrap() it first`,
        );
      }
      expect(await said(() => manager.adoptConnection(handle as never))).to.equal(
        'TypeError: adoptConnection() takes a connection of a transport; a ConnectionHandle was given',
      );
      for (const transport of [new WebSocketTransport(), new NatsTransport()]) {
        expect(await said(() => transport.checkEndpoint(5 as never))).to.match(
          /^InvalidParameter: an address is a string like '(ws|nats):.*'; a number was given$/,
        );
      }
      for (const nothing of [undefined, null, 5, 'x', {}] as never[]) {
        expect(manager.isValidHandle(nothing)).to.equal(false);
        expect(handle.equals(nothing)).to.equal(false);
      }
      const sentence = 'InvalidParameter: ConnectionManager takes a list of transports; ';
      expect(await said(() => new ConnectionManager(undefined as never))).to.equal(`${sentence}undefined was given`);
      expect(await said(() => new ConnectionManager([undefined] as never))).to.equal(
        `${sentence}a list with undefined was given`,
      );
      expect(await said(() => new ConnectionManager([], { capacity: '5' as never }))).to.equal(
        "InvalidParameter: ConnectionManager: 'capacity' was given a string; a number is allowed",
      );
      expect(await said(() => collectManagerMetrics(null as never))).to.equal(
        'TypeError: collectManagerMetrics() takes a ConnectionManager; null was given',
      );
      expect(await said(() => instrumentManager({} as never))).to.include(
        'takes a ConnectionManager; an object was given',
      );
      expect(await said(() => startInspectorAgent({ inspector: { endpont: 'x' } as never }))).to.include(
        "unknown key 'endpont'",
      );
    }),
  );
});
