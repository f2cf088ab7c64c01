// Runs test files by mocha's library: its command line starts a process of Node.js, or does not start at all, elsewhere.
// Runs in any runtime with modules of Node.js. Writes the results to the file that ENTROPYNET_TEST_RESULTS names.
// Usage: RUNTIME --conditions=entropynet-internal scripts/run-suite.mjs [--grep TEXT] [--timeout MS] FILE …

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import Mocha from 'mocha';
import ResultsReporter from './results-reporter.mjs';

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { grep: { type: 'string' }, timeout: { type: 'string', default: '20000' } },
  allowPositionals: true,
});
const mocha = new Mocha({
  reporter: ResultsReporter,
  timeout: Number(values.timeout),
  forbidOnly: true,
  // A text that no title has, or a file that lost its tests, is no success.
  failZero: true,
  ...(values.grep !== undefined && { fgrep: values.grep }),
});
for (const file of positionals) mocha.addFile(resolve(file));
await mocha.loadFilesAsync();
mocha.run((failures) => {
  // What a runtime still holds open is no part of the results.
  process.exit(failures === 0 ? 0 : 1);
});
