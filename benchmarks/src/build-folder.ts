import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where what is built or installed for the benchmark stays, for the next run. */
const FOLDER = fileURLToPath(new URL('../build', import.meta.url));

/** A folder in it, there from now on; undefined where the package was installed by somebody else, so that nothing may be written. */
export function buildFolder(name = ''): string | undefined {
  const folder = join(FOLDER, name);
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    return undefined;
  }
  return folder;
}
