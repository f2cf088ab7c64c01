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

/** By system: the folders of its calls, below `src`. native/CMakeLists.txt says the same. */
const FOLDERS = { linux: ['posix', 'linux'], darwin: ['posix', 'darwin'], win32: ['windows'] };

/**
 * The sources of the library.
 *
 * @param {keyof typeof FOLDERS} system
 */
export function librarySources(system) {
  return ['.', ...FOLDERS[system]].flatMap((folder) => sourcesIn(join(libraryFolder, 'src', folder)));
}

/** The sources of a program of the tests: one file, or a folder of files. */
export function sourcesOfTest(name) {
  const file = join(libraryFolder, 'test', `${name}.c`);
  return existsSync(file) ? [file] : sourcesIn(join(libraryFolder, 'test', name));
}
