import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const COMMAND = fileURLToPath(new URL('../../bin/entropynet.js', import.meta.url));

const MODULE = new URL('../../dist/index.js', import.meta.url).href;

/** A program that opens files until so many descriptors are left. */
function useUpTo(left: number): string {
  return `
    import { closeSync, openSync } from 'node:fs';
    const opened = [];
    try { for (;;) opened.push(openSync('/dev/null')); } catch (error) { if (error.code !== 'EMFILE') throw error; }
    for (const each of opened.slice(-${left})) closeSync(each);
  `;
}

/** Runs Node.js with at most so many descriptors. Resolves with the exit code, the output and the errors. */
function runWith(descriptors: number, parameters: readonly string[]): Promise<[unknown, string, string]> {
  const line = ['-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, process.execPath, ...parameters];
  return new Promise((resolve) => {
    execFile('bash', line, (error, stdout, stderr) => {
      resolve([error?.code, stdout, stderr]);
    });
  });
}

describe('a command without free descriptors', () => {
  if (process.platform !== 'linux') return;

  it('names the limit of descriptors if it can not be loaded, with advice', async () => {
    const preload = `data:text/javascript,${encodeURIComponent(useUpTo(3))}`;
    const [code, output, errors] = await runWith(100, ['--import', preload, COMMAND, 'doctor']);
    expect(errors).to.match(/^entropynet: the command can't be loaded: .*\n$/);
    expect(errors).to.include('this process may open only 100 files: raise that, as with "ulimit -n 256"');
    expect([code, output]).to.deep.equal([1, '']);
  });

  it('ends, and leaves nothing open: inspect --web', async () => {
    const program = `
      import { run } from '${MODULE}';
      ${useUpTo(1)}
      process.exitCode = await run(['', '', 'inspect', '--web']);`;
    const [code, output, errors] = await runWith(400, ['--input-type=module', '-e', program]);
    // Node.js may call a module missing that it could not open, so only the beginning is always the same.
    expect(errors).to.match(/^entropynet: /);
    expect([code, output]).to.deep.equal([1, '']);
  });
});
