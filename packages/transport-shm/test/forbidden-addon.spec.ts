import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { itWithAddon } from '@entropynet/test/support/shared-memory/shared-memory-support';

/** What a program says that asks whether shared memory can be used, under these options of Node.js. */
function reasonUnder(options: readonly string[]): string {
  const program = `
    import('@entropynet/transport-shm').then(async ({ SharedMemoryTransport }) => {
      const { reason } = await new SharedMemoryTransport().probe({ endpoint: 'any' });
      console.log(reason);
    });`;
  const run = spawnSync(process.execPath, [...options, '-e', program], { cwd: import.meta.dirname, encoding: 'utf8' });
  expect(run.status, run.stderr).to.equal(0);
  return run.stdout;
}

describe('an addon that the options of Node.js forbid', () => {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  for (const options of [['--no-addons'], [permission, '--allow-fs-read=*']]) {
    itWithAddon(`is named with the option that allows it: ${options.join(' ')}`, () => {
      expect(reasonUnder(options)).to.include('--allow-addons');
    });
  }
});
