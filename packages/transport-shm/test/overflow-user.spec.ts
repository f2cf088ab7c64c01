import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { scoped } from '@entropynet/conformance/tools';
import { leaveOut } from '@entropynet/test/support/leave-out';

const run = promisify(execFile);
const ANOTHER_USER = 12_345;

/** Prints with which code a client and a server meet the directory that its argument names. */
const PROGRAM = `
  import { SharedMemoryTransport } from '@entropynet/transport-shm';
  const config = { endpoint: 'overflow-user', sharedMemory: { directory: process.argv[1] } };
  const transport = new SharedMemoryTransport();
  const connected = await transport.createConnection(config).connect();
  const server = transport.createServer(config);
  const listening = await server.listen();
  await server.close();
  console.log(JSON.stringify([process.geteuid(), connected.error?.code, listening.error?.code ?? 'listened']));
`;

async function meet(directory: string): Promise<unknown> {
  const line = ['--user', process.execPath, '--input-type=module', '--eval', PROGRAM, directory];
  const { stdout } = await run('unshare', line, { cwd: fileURLToPath(new URL('..', import.meta.url)) });
  return JSON.parse(stdout);
}

describe('a user that has no number in its user namespace', function () {
  this.timeout(60_000);

  before(function () {
    if (process.platform !== 'linux' || process.geteuid?.() !== 0) leaveOut(this, 'it needs root on Linux');
  });

  it(
    "uses its own directory, and not another user's with the same number",
    scoped(async (scope) => {
      const base = await mkdtemp(join(tmpdir(), 'entropynet-'));
      scope.defer(() => rm(base, { recursive: true, force: true }));
      chmodSync(base, 0o755);
      const own = join(base, 'own');
      const foreign = join(base, 'foreign');
      for (const directory of [own, foreign]) mkdirSync(directory);
      chownSync(foreign, ANOTHER_USER, ANOTHER_USER);
      expect(await meet(own)).to.deep.equal([65_534, 'TransportUnavailable', 'listened']);
      expect(await meet(foreign)).to.deep.equal([65_534, 'SharedMemoryPermission', 'SharedMemoryPermission']);
    }),
  );
});
