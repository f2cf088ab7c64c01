import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessStart } from './subject.js';

/** Names the folder of the other build to the processes that measure it. */
export const OTHER_BUILD = 'ENTROPYNET_BENCH_OTHER_BUILD';

const REGISTER = fileURLToPath(new URL('./other-build-register.js', import.meta.url));
const MANAGER = join('node_modules', '@entropynet', 'manager');

/** How a process starts whose packages of EntropyNet are those of the build in `folder`. */
export function startOfOtherBuild(folder: string, start: ProcessStart | undefined): ProcessStart {
  return {
    arguments: ['--import', REGISTER, ...(start?.arguments ?? [])],
    environment: { ...start?.environment, [OTHER_BUILD]: resolve(folder) },
  };
}

/** What a line of the tables is called that shows the other build. */
export function nameOfOtherBuild(subject: string): string {
  return `${subject} (other build)`;
}

/** Whether the build in `folder` has that package. */
export function isInOtherBuild(folder: string, name: string): boolean {
  return existsSync(join(folder, 'node_modules', name, 'dist', 'index.js'));
}

/** Why the folder holds no build to measure; undefined where it does. */
export function problemOfOtherBuild(folder: string): string | undefined {
  if (existsSync(join(folder, MANAGER, 'dist', 'index.js'))) return undefined;
  return `--against '${folder}' holds no built clone: ${join(resolve(folder), MANAGER, 'dist')} was not found`;
}
