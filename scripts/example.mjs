// Runs an example by its name: `npm run example -- log-shipper --workers 4`. Without a name it says which there are.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const EXIT_WRONG_ARGUMENTS = 2;

const folder = resolve(dirname(fileURLToPath(import.meta.url)), '..', 'examples');
const [name, ...parameters] = process.argv.slice(2);
const names = readdirSync(folder).filter((each) => existsSync(join(folder, each, 'dist', 'main.js')));

if (names.includes(name)) {
  const program = join(folder, name, 'dist', 'main.js');
  process.argv.splice(1, process.argv.length - 1, program, ...parameters);
  await import(pathToFileURL(program).href);
} else {
  const given = name === undefined ? 'No example is named' : `There is no example '${name}'`;
  process.stderr.write(`${given}; allowed: ${names.join(', ')}.\n`);
  process.exitCode = EXIT_WRONG_ARGUMENTS;
}
