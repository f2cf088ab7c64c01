import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Scope, startPeer } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { ConnectionManager } from '@entropynet/manager';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { expect } from 'chai';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { OWN_LIBRARY } from '../support/shared-memory/shared-memory-support.js';
import { WebSocketFixtures } from '../support/web-socket/web-socket-fixtures.js';
import { leaveOut } from '../support/leave-out.js';

describe('the peer of a connection', () => {
  describe('over shared memory', () => {
    const scope = new Scope();
    const fixture = sharedMemoryFixture();
    const ownUser = { user: process.geteuid!(), group: process.getegid!() };
    const own = { ...ownUser, library: OWN_LIBRARY };

    afterEach(() => scope.dispose());
    after(() => fixture.dispose?.());

    it('is the process, user and group of the server, as the kernel reports them, and its library', async () => {
      const host = scope.add(await startPeer('other process', fixture.peerModule));
      const config = fixture.freshConfig();
      await host.actions.listen(config);
      const accepted = host.actions.accept();
      const client = scope.add(new SharedMemoryTransport().createConnection(config));
      unwrap(await client.connect());
      await accepted;
      const far = await host.actions.report();
      expect(far.processId).to.not.equal(process.pid);
      expect(client.peer).to.deep.equal({ process: far.processId, ...own });
      expect(far.peer).to.deep.equal({ process: process.pid, ...own });
      expect(client.description()).to.match(new RegExp(` peer process ${far.processId}$`));
    });

    it('is the process, user and group of the client, also through a handle', async () => {
      const host = scope.add(await startPeer('other process', fixture.peerModule));
      const manager = new ConnectionManager([new SharedMemoryTransport()]);
      scope.defer(() => manager.closeAll());
      const config = fixture.freshConfig();
      const server = unwrap(manager.createServer(config));
      unwrap(await server.listen());
      const connecting = host.actions.connect(config);
      const handle = unwrap(await server.accept());
      expect(await connecting).to.equal('ok');
      const far = await host.actions.report();
      expect(handle.peer).to.deep.equal({ process: far.processId, ...own });
      expect(far.peer).to.deep.equal({ process: process.pid, ...own });
      await handle.close();
      expect(handle.peer).to.deep.equal({});
    });

    it('has no process if the client is in another process namespace', async function () {
      const unshare = ['--user', '--map-current-user', '--pid', '--fork', '--kill-child'];
      const probe = spawn('unshare', [...unshare, 'true'], { stdio: 'ignore' });
      const [code] = (await once(probe, 'exit').catch(() => [-1])) as [number];
      if (code !== 0) leaveOut(this, 'this system makes no process namespaces (unshare failed)');
      const config = fixture.freshConfig();
      const server = scope.add(new SharedMemoryTransport().createServer(config));
      unwrap(await server.listen());
      const program = fileURLToPath(new URL('peer-program.js', import.meta.url));
      // The server is in the outer namespace and sees the client. The client does not see the server.
      const child = spawn('unshare', [...unshare, process.execPath, program, JSON.stringify(config)]);
      scope.defer(() => child.kill('SIGKILL'));
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      expect(JSON.parse(line.toString())).to.deep.equal(own);
      const accepted = scope.add(unwrap(await server.accept()));
      expect(accepted.peer.process).to.be.greaterThan(1);
    });
  });

  describe('over WebSocket', () => {
    const fixtures = new WebSocketFixtures();

    afterEach(() => fixtures.dispose());

    it('is the address at both ends, and the request and the identity at the server', async () => {
      const server = await fixtures.serve({
        authenticate: ({ headers }) => ({ name: String(headers['x-name']) }),
      });
      const client = await fixtures.connect(server, { webSocket: { headers: { 'X-Name': 'ada' } } });
      const accepted = await fixtures.accept(server);
      expect(client.peer).to.deep.equal({ address: new URL(server.address()!).host });
      const { address, identity, request, ...rest } = accepted.peer;
      expect(address).to.match(/^127\.0\.0\.1:\d+$/);
      expect(identity).to.deep.equal({ name: 'ada' });
      expect(request?.url).to.equal('/test');
      expect(request?.headers).to.include({ 'x-name': 'ada', upgrade: 'websocket' });
      expect(rest).to.deep.equal({});
    });
  });
});
