import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { until } from '@entropynet/conformance/tools';
import { namesIn } from '../support/shared-memory/names-in.js';
import { describeNative } from './support/native-site.js';

/** Each program runs with AddressSanitizer and UndefinedBehaviorSanitizer: a finding ends it with a code. */
describeNative('programs in C alone', (site, build) => {
  function run(name: string, ...words: string[]): { status: number | null; stderr: string; stdout: string } {
    const { status, stderr, stdout } = spawnSync(build().program(name), words, { encoding: 'utf8' });
    return { status, stderr, stdout };
  }

  it('keeps what the header promises', () => {
    expect(run('unit')).to.deep.equal({ status: 0, stderr: '', stdout: '29 groups of checks passed\n' });
  });

  it('sends and receives the channel control before others, at most every second time', () => {
    expect(run('urgent')).to.deep.equal({ status: 0, stderr: '', stdout: '5 groups of checks passed\n' });
  });

  it('ends a connection whose peer breaks the protocol', () => {
    expect(run('hostile')).to.include({ stderr: '', status: 0 });
  });

  it('survives what a hostile peer may write', () => {
    expect(run('fuzz_frames', '3000', '7')).to.deep.equal({ status: 0, stderr: '', stdout: '3000 inputs\n' });
  });

  it('serves and connects as the page says', () => {
    const ended = run('handshakes', site().directory);
    expect(ended).to.include({ status: 0, stderr: '' });
    expect(namesIn(site().directory)).to.deep.equal([]);
  });

  for (const mode of ['echo', 'pull']) {
    it(`exchanges messages on several channels, with ${mode}`, async () => {
      // A busy machine must not add events to the output of the server.
      const server = await site().start('serve', mode, 'region=65536', 'window=32768', 'unresponsive=4000000');
      const words = ['count=200', 'size=30000', 'channels=a,b,c', 'window=16384'];
      const client = await site().start('connect', 'burst', ...words);
      const ending = await client.ended;
      expect(ending.errors).to.equal('');
      expect(ending.lines).to.deep.equal(['ready', '200 back', 'ConnectionClosed']);
      const { code, lines } = await server.ended;
      expect(code).to.equal(0);
      expect(lines).to.deep.equal([
        ...['listening', 'ready', 'opened a', 'opened b', 'opened c'],
        ...['closing a', 'closed a', 'closing b', 'closed b', 'closing c', 'closed c'],
        ...['end', 'ConnectionClosed'],
      ]);
    });
  }

  for (const killed of ['connect', 'serve'] as const) {
    it(`sees a death of the ${killed === 'serve' ? 'server' : 'client'}`, async () => {
      const server = await site().start('serve', 'echo');
      const client = await site().start('connect', 'echo');
      await until(() => server.lines.includes('ready') && client.lines.includes('ready'), 'both are connected');
      const [dead, other] = killed === 'serve' ? [server, client] : [client, server];
      dead.process.kill('SIGKILL');
      const { code, lines } = await other.ended;
      expect({ code, end: lines.at(-1) }).to.deep.equal({ code: 0, end: 'PeerDied' });
    });
  }

  it('says that a server speaks another version', async () => {
    await site().start('serve', 'echo');
    const region = join(site().directory, namesIn(site().directory).find((name) => name.endsWith('.region')) as string);
    const bytes = readFileSync(region);
    bytes.writeUInt32LE(2, 4);
    writeFileSync(region, bytes);
    const { code, lines, errors } = await (await site().start('connect', 'echo')).ended;
    expect({ code, lines }).to.deep.equal({ code: 1, lines: ['IncompatibleVersion'] });
    expect(errors).to.contain('uses layout version 2, and this library 1');
  });

  it('says that a server answers with another version', async () => {
    await site().start('serve', 'echo');
    const socket = join(site().directory, namesIn(site().directory).find((name) => name.endsWith('.socket')) as string);
    // Another server answers under the name.
    const replies = createServer((client) => {
      client.once('data', () => {
        const reply = Buffer.alloc(64);
        reply.writeUInt32LE(0x524e5045, 0);
        reply.writeUInt32LE(3, 4);
        client.end(reply);
      });
    });
    unlinkSync(socket);
    replies.listen(socket);
    await once(replies, 'listening');
    const { lines, errors } = await (await site().start('connect', 'echo')).ended;
    replies.close();
    expect(lines).to.deep.equal(['IncompatibleVersion']);
    expect(errors).to.contain('layout version 3');
  });
});
