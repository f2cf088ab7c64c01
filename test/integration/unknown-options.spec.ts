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
import { inspectSharedMemory, removeLeftovers } from '@entropynet/transport-shm';
import { freshName } from './manager-support.js';

/** What the call says, whether it throws, rejects or returns its failure. */
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
    'are refused by everything that takes options, with the names that exist',
    scoped(async (scope) => {
      const server = new LoopbackServer({ endpoint: freshName() });
      scope.defer(() => server.close());
      unwrap(await server.listen());
      const config = { endpoint: server.address()! };
      const client = new LoopbackConnection(config);
      scope.defer(() => client.disconnect());
      unwrap(await client.connect());
      const manager = new ConnectionManager([new LoopbackTransport()]);
      scope.defer(async () => {
        await manager.closeAll();
        manager.release();
      });
      // As JavaScript may have it: the compiler refuses each of these.
      const wrong = { chanel: 'x', '\u001b[2J': 1 } as object;
      const calls: Readonly<Record<string, () => unknown>> = {
        createNetworking: () => createNetworking({ transports: [], ...wrong }),
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

  it('are told from what is no object of options', async () => {
    expect(await said(() => createNetworking(undefined as never))).to.include('nothing was given');
    expect(await said(() => serveInspector(5 as never))).to.include('takes an object of options; a number was given');
    expect(await said(() => serveInspector(null as never))).to.include('null was given');
    expect(await said(() => receiveFile({} as never, '.', { maxBytes: Number.NaN }))).to.include(
      "'maxBytes' was given NaN",
    );
  });
});

describe('the function that takes the log of a manager', () => {
  it('costs its line and no connection where it throws, and has to be a function', async () => {
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
    expect(warnings.map(({ message }) => message)).to.deep.equal(['the function "log" failed']);
    await manager.closeAll();
    manager.release();
  });
});
