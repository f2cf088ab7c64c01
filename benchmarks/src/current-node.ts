import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Result } from './measurement.js';

/** The release whose `fork` channel is measured beside the one of the Node.js that runs the benchmark. */
const VERSION = '26.10.0';
const PACKAGE = `node-${process.platform}-${process.arch}`;
const INSTALL_TIMEOUT_MS = 180_000;
const PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));
const FOLDER = fileURLToPath(new URL(`../build/node-${VERSION}`, import.meta.url));

/** That release's program, installed from the package registry when it is first needed; or why there is none. */
export function installCurrentNode(): { readonly program: string } | { readonly reason: string } {
  const program = join(FOLDER, 'node_modules', PACKAGE, 'bin', 'node');
  if (existsSync(program)) return { program };
  mkdirSync(FOLDER, { recursive: true });
  // A package of its own, so that npm does not look for one in the folders above.
  writeFileSync(join(FOLDER, 'package.json'), '{ "private": true }\n');
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = spawnSync('npm', ['install', '--prefix', FOLDER, ...options, `${PACKAGE}@${VERSION}`], {
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (npm.status === 0 && existsSync(program)) return { program };
  rmSync(FOLDER, { recursive: true, force: true });
  return { reason: `the channel of Node.js ${VERSION} is left out: npm could not install ${PACKAGE}@${VERSION}` };
}

/** One round of those workloads and subjects with that program on both ends; the subjects' names say so. */
export async function measureWith(
  program: string,
  subjects: readonly string[],
  workloads: readonly string[],
): Promise<readonly Result[]> {
  const file = join(FOLDER, `figures-${process.pid}.json`);
  const chosen = ['--subjects', subjects.join(','), '--only', workloads.join(','), '--rounds', '1', '--json', file];
  try {
    await promisify(execFile)(program, [PROGRAM, ...chosen]);
    const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: Result[] };
    return results.map((result) => ({ ...result, subject: nameWithCurrentNode(result.subject) }));
  } finally {
    rmSync(file, { force: true });
  }
}

/** What a subject is called when that release runs it. */
export function nameWithCurrentNode(subject: string): string {
  return `${subject}, Node ${VERSION.split('.')[0] ?? VERSION}`;
}
