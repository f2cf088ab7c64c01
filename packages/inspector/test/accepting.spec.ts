import { once } from 'node:events';
import { Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { type InspectorState, serveInspector } from '@entropynet/inspector';
import { toTypedPort } from '@entropynet/messaging';
import { SharedMemoryConnection } from '@entropynet/transport-shm';
import { WebSocketConnection } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { connectionReport, processState } from './support.js';

const { listen } = Server.prototype;

/** Runs `work` while HTTP servers listen in this way. */
async function listeningBy<T>(
  own: (server: Server, parameters: unknown[]) => Server,
  work: () => Promise<T>,
): Promise<T> {
  // `Server` inherits the method from `net.Server`.
  Server.prototype.listen = function (this: Server, ...parameters: unknown[]) {
    return own(this, parameters);
  } as typeof listen;
  try {
    return await work();
  } finally {
    Reflect.deleteProperty(Server.prototype, 'listen');
  }
}

const noDescriptor = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });

describe('an inspector without means', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'entropynet-inspector-'));
  });
  after(() => {
    rmSync(directory, { recursive: true });
  });

  it('lives when it has none for a browser, and warns', async () => {
    const servers: Server[] = [];
    const served = await listeningBy(
      (server, parameters) => {
        servers.push(server);
        return Reflect.apply(listen, server, parameters) as Server;
      },
      () => serveInspector({ directory, endpoint: 'accepting' }),
    );
    const warned = once(process, 'warning');
    servers[0]?.emit('error', noDescriptor);
    const [warning] = (await warned) as [Error];
    expect(warning.message).to.include("can't accept a browser").and.include('ulimit -n');
    if (served.ok) await served.value.close();
    expect(served.ok).to.equal(true);
  });

  it('does not start without one, and says why', async () => {
    const served = await listeningBy(
      (server) => {
        process.nextTick(() => server.emit('error', noDescriptor));
        return server;
      },
      () => serveInspector({ directory, endpoint: 'accepting' }),
    );
    expect(served.ok ? 'ok' : served.error.code).to.equal('ResourceLimitExceeded');
    expect(served.ok ? '' : served.error.message)
      .to.include('no page at port 0')
      .and.include('ulimit -n');
  });

  it('lives when a state can not be encoded, warns, and shows the next one', async () => {
    const served = await serveInspector({ directory, endpoint: 'accepting', intervalMs: 10 });
    if (!served.ok) throw served.error;
    const { host, searchParams } = new URL(served.value.address);
    const page = new WebSocketConnection({ endpoint: `ws://${host}/feed`, secret: searchParams.get('token')! });
    unwrap(await page.connect());
    const { stringify } = JSON;
    const warned = once(process, 'warning');
    JSON.stringify = () => {
      throw new RangeError('Invalid string length');
    };
    const [warning] = (await warned.finally(() => (JSON.stringify = stringify))) as [Error];
    expect(warning.message).to.equal("the inspector can't show its state: Invalid string length");
    let states = 0;
    page.setMessageCallback(() => (states += 1));
    await until(() => states > 2, 'the page gets states again');
    await page.disconnect();
    await served.value.close();
  });

  it('learns late that an agent which is back has lost its first connection', async () => {
    const served = await serveInspector({ directory, endpoint: 'accepting', intervalMs: 10 });
    if (!served.ok) throw served.error;
    const { host, searchParams } = new URL(served.value.address);
    const page = new WebSocketConnection({ endpoint: `ws://${host}/feed`, secret: searchParams.get('token')! });
    unwrap(await page.connect());
    const states = toTypedPort<InspectorState>(page).values();
    const { report } = processState('1', 0, [connectionReport({ id: 1 })]);
    const stateWith = async (count: number): Promise<InspectorState> => {
      for (;;) {
        const { value } = await states.next();
        if (value?.processes.length === count) return value;
      }
    };
    const agents: SharedMemoryConnection[] = [];
    for (const count of [1, 2]) {
      const agent = new SharedMemoryConnection({ endpoint: 'accepting', sharedMemory: { directory } });
      agents.push(agent);
      unwrap(await agent.connect());
      unwrap(await toTypedPort(agent).send(report));
      await stateWith(count);
    }
    unwrap(await agents[0]!.disconnect());
    const { processes, ended } = await stateWith(1);
    expect([processes[0]?.key, ended]).to.deep.equal(['2', []]);
    await agents[1]!.disconnect();
    await page.disconnect();
    await served.value.close();
  });

  it('keeps few sockets of programs that connect and send nothing', async () => {
    const served = await serveInspector({ directory, endpoint: 'accepting' });
    if (!served.ok) throw served.error;
    const port = Number(new URL(served.value.address).port);
    const most = 64;
    const sockets = Array.from({ length: 2 * most }, () => connect(port, '127.0.0.1'));
    const ends = sockets.map((socket) => once(socket, 'close'));
    await Promise.all(ends.slice(most));
    expect(sockets.filter((socket) => !socket.destroyed)).to.have.length(most);
    for (const socket of sockets) socket.destroy();
    await Promise.all(ends);
    await served.value.close();
  });
});
