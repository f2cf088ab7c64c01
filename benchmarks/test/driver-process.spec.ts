import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const SUBJECT = 'net (Unix socket)';

function start(program: 'driver' | 'peer', ...options: string[]): ChildProcess {
  return fork(fileURLToPath(new URL(`../../dist/${program}.js`, import.meta.url)), options, {
    execArgv: ['--expose-gc'],
  });
}

/** Ends the channel between the two processes, as the end of this one would. Returns the exit code of the other. */
async function leave(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit');
  child.disconnect();
  const [code] = (await ended) as unknown[];
  return code;
}

describe('a process of the benchmark', () => {
  it('that measures ends if the benchmark has ended', async () => {
    expect(await leave(start('driver', JSON.stringify({ subject: SUBJECT, workloads: ['sizes'] })))).to.equal(1);
  });

  it('that answers ends if its driver has ended', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'entropynet-driver-'));
    const server = createServer();
    try {
      const path = join(folder, 'socket');
      await once(server.listen(path), 'listening');
      const joined = once(server, 'connection');
      const peer = start('peer', SUBJECT, path, folder, 'false');
      await joined;
      expect(await leave(peer)).to.equal(1);
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});
