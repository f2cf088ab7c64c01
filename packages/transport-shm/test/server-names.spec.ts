import { expect } from 'chai';
import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer, SharedMemoryTransport } from '@entropynet/transport-shm';
import { describeWithScene, nativeBinding } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { freshName } from '@entropynet/test/support/fresh-name';
import { leaveOut, NO_FIRST_PIPE } from '@entropynet/test/support/leave-out';

describeWithScene('names of shared-memory servers', (scene) => {
  it('gives a name to exactly one of two servers, and an error to the other', async () => {
    await scene().server();
    const second = await new SharedMemoryServer(scene().config).listen();
    expect(second.ok ? '' : second.error.code).to.equal('AddressInUse');
  });

  it("refuses a second socket with the first one's name", function () {
    if (NO_FIRST_PIPE !== undefined) leaveOut(this, NO_FIRST_PIPE);
    const { listen } = nativeBinding()!.LocalSocket;
    const path =
      process.platform === 'win32' ? `\\\\.\\pipe\\entropynet-${freshName()}` : join(scene().directory, 'taken');
    const first = listen(path, 1);
    scene().onClose(() => {
      first.close();
    });
    expect(() => listen(path, 1))
      .to.throw()
      .with.property('code', 'EADDRINUSE');
  });

  it('gives a name to exactly one of four processes, in each round', async () => {
    const children = [1, 2, 3, 4].map(() => scene().fork('race'));
    await Promise.all(children.map((child) => once(child, 'message')));
    for (let round = 0; round < 10; round += 1) {
      const tell = (message: string): Promise<unknown[]> =>
        Promise.all(
          children.map(async (child) => {
            const answer = once(child, 'message');
            child.send(message);
            return ((await answer) as unknown[])[0];
          }),
        );
      const outcomes = await tell('listen');
      expect([...outcomes].sort()).to.deep.equal(['AddressInUse', 'AddressInUse', 'AddressInUse', 'ok']);
      await tell('close');
      expect(scene().names()).to.deep.equal([]);
    }
  });

  it('replaces a server that was killed, and leaves nothing when it closes', async () => {
    const child = scene().fork('serve');
    expect((await once(child, 'message'))[0]).to.equal('listening');
    child.kill('SIGKILL');
    await once(child, 'exit');
    // A pipe of Windows is no file.
    expect(scene().names()).to.have.length(process.platform === 'win32' ? 1 : 2);
    const server = await scene().server();
    await scene().pair(server);
    await server.close();
    expect(scene().names()).to.deep.equal([]);
  });

  it('reports to a client that its server is gone', async () => {
    const child = scene().fork('serve');
    await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const connected = await new SharedMemoryConnection('scene', scene().config).connect();
    expect(connected.ok ? '' : connected.error.code).to.equal('TransportUnavailable');
  });

  for (const way of ['exit', 'throw'] as const) {
    it(`leaves no name behind when a listening process ends by ${way}`, async () => {
      const child = scene().fork(way);
      await once(child, 'exit');
      expect(child.exitCode).to.equal(way === 'exit' ? 0 : 1);
      expect(scene().names()).to.deep.equal([]);
    });
  }

  it('serves any name, even one like a path', async () => {
    for (const endpoint of ['../../etc/passwd', 'ü', '/', 'con', 'x'.repeat(200)]) {
      const config = { ...scene().config, endpoint };
      const server = await scene().server({ endpoint });
      const client = new SharedMemoryConnection(endpoint, config);
      unwrap(await client.connect());
      await client.disconnect();
      await server.close();
    }
  });
});

describeWithScene('the directory of shared-memory servers', (scene) => {
  const listen = async (directory: string): Promise<string> => {
    const result = await new SharedMemoryServer({ endpoint: 'scene', sharedMemory: { directory } }).listen();
    return result.ok ? 'ok' : result.error.code;
  };

  it('is refused if others may write to it', async function () {
    // There an access list says it, which Node.js can't write.
    if (process.platform === 'win32') leaveOut(this, 'Node.js can not write an access list of Windows');
    const directory = join(scene().directory, 'open');
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    expect(await listen(directory)).to.equal('SharedMemoryPermission');
  });

  it('is refused if it is a link', async function () {
    const link = join(scene().directory, 'link');
    try {
      // A user of Windows may make a junction, but no other link of a directory.
      symlinkSync(scene().directory, link, 'junction');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTSUP') throw error;
      leaveOut(this, 'wine makes no links of directories');
    }
    expect(await listen(link)).to.equal('SharedMemoryPermission');
  });

  it('is refused if it is a file', async () => {
    const file = join(scene().directory, 'file');
    writeFileSync(file, '');
    expect(await listen(file)).to.equal('SharedMemoryPermission');
  });

  it('is created for this user only if it is missing', async () => {
    const directory = join(scene().directory, 'new', 'deeper');
    const server = new SharedMemoryServer({ endpoint: 'scene', sharedMemory: { directory } });
    expect((await server.listen()).ok).to.equal(true);
    expect((await server.close()).ok).to.equal(true);
  });

  it("is named in the client's error if it does not exist", async () => {
    const directory = join(scene().directory, 'nowhere');
    const probe = await new SharedMemoryTransport().probe({ endpoint: 'scene', sharedMemory: { directory } });
    expect(probe.available ? '' : probe.reason).to.contain(directory);
  });
});
