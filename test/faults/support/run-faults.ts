import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Mocha from 'mocha';
import { TableReporter } from './table-reporter.js';

// Runs the files of cases and prints the table. `scripts/faults.mjs` starts it.
const folder = new URL('..', import.meta.url);
const mocha = new Mocha({ reporter: TableReporter, checkLeaks: true, forbidOnly: true });
for (const name of readdirSync(folder))
  if (name.endsWith('.spec.js')) mocha.addFile(fileURLToPath(new URL(name, folder)));
await mocha.loadFilesAsync();
mocha.run((failures) => {
  process.exitCode = failures === 0 ? 0 : 1;
});
