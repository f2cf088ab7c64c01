// Runs the tests of the faults in their long form and prints a table: case, outcome wanted, outcome seen.
// Usage: npm run faults [-- --quick]. --quick takes the short counts that the test run takes.

import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const given = process.argv.slice(2);
const wrong = given.find((argument) => argument !== '--quick');
if (wrong !== undefined) {
  console.error(`faults: unknown argument '${wrong}'; allowed: --quick`);
  process.exit(2);
}
const program = resolve(root, 'test/dist/faults/support/run-faults.js');
const run = spawn(process.execPath, ['--expose-gc', '--conditions=entropynet-internal', program], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, ...(!given.includes('--quick') && { ENTROPYNET_FAULTS: 'full' }) },
});
run.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
