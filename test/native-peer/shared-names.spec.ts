import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { unwrap } from '@entropynet/core';
import { describeNative } from './support/native-site.js';

const PROGRAM = fileURLToPath(new URL('../faults/support/shared-server-program.js', import.meta.url));

describeNative('a name that servers in Node.js share', (site) => {
  it('leads a program in C to a living server, and is no name for a server in C', async () => {
    const { endpoint, directory } = site();
    const first = spawn(process.execPath, [...process.execArgv, PROGRAM, endpoint, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(first, 'exit');
    try {
      await once(first.stdout, 'data');
      const second = await site().serve({ sharedMemory: { share: true } });
      first.kill('SIGKILL');
      await ended;
      const client = await site().start('connect', 'hold');
      const connection = unwrap(await second.accept());
      connection.startReceiving();
      client.process.stdin?.end();
      expect((await client.ended).lines).to.deep.equal(['ready', 'ConnectionClosed']);
      const refused = await (await site().start('serve', 'echo')).ended;
      expect(refused.lines).to.deep.equal(['AddressInUse']);
      expect(refused.errors).to.contain('shares the endpoint');
      unwrap(await second.close());
      await site().start('serve', 'echo');
    } finally {
      first.kill('SIGKILL');
      await ended;
    }
  });
});
