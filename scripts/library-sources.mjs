// The sources of the library for C.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the library for C. */
export const libraryFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..', 'native');

/** The sources in a folder, without those in folders below it. */
function sourcesIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(folder, name));
}

/**
 * The sources of the library for a POSIX system.
 *
 * @param {string} system the folder of its calls, below `src`
 */
export function librarySources(system) {
  return ['.', 'posix', system].flatMap((folder) => sourcesIn(join(libraryFolder, 'src', folder)));
}

/** The sources of a program of the tests: one file, or a folder of files. */
export function sourcesOfTest(name) {
  const file = join(libraryFolder, 'test', `${name}.c`);
  return existsSync(file) ? [file] : sourcesIn(join(libraryFolder, 'test', name));
}
