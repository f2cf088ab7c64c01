import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const COMMAND = fileURLToPath(new URL('../../bin/entropynet.js', import.meta.url));

/** Opens files until three descriptors are left. */
const USE_UP = `data:text/javascript,${encodeURIComponent(`
  import { closeSync, openSync } from 'node:fs';
  const opened = [];
  try { for (;;) opened.push(openSync('/dev/null')); } catch {}
  for (const each of opened.slice(-3)) closeSync(each);
`)}`;

describe('loading the command', () => {
  if (process.platform !== 'linux') return;

  it('fails with the limit of descriptors and advice if too few are left', async () => {
    const line = ['-c', 'ulimit -n 100; exec "$0" "$@"', process.execPath, '--import', USE_UP, COMMAND, 'doctor'];
    const [code, output, errors] = await new Promise<[unknown, string, string]>((resolve) => {
      execFile('bash', line, (error, stdout, stderr) => {
        resolve([error?.code, stdout, stderr]);
      });
    });
    expect(errors).to.match(/^entropynet: the command can't be loaded: .*\n$/);
    expect(errors).to.include('this process may open only 100 files: raise that, as with "ulimit -n 256"');
    expect([code, output]).to.deep.equal([1, '']);
  });
});
