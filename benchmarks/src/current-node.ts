import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildFolder } from './build-folder.js';

/** The release whose `fork` channel is measured beside the one of the Node.js that runs the benchmark. */
const VERSION = '26.10.0';
const PACKAGE = `node-${process.platform}-${process.arch}`;
const INSTALL_TIMEOUT_MS = 180_000;

/** That release's program, installed from the package registry when it is first needed; or why there is none. */
export function installCurrentNode(): { readonly program: string } | { readonly reason: string } {
  const leftOut = `the channel of Node.js ${VERSION} is left out`;
  const folder = buildFolder(`node-${VERSION}`);
  if (folder === undefined) return { reason: `${leftOut}: it could not be written where this package is installed` };
  const program = join(folder, 'node_modules', PACKAGE, 'bin', 'node');
  if (existsSync(program)) return { program };
  // A package of its own, so that npm does not look for one in the folders above.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = spawnSync('npm', ['install', '--prefix', folder, ...options, `${PACKAGE}@${VERSION}`], {
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (npm.status === 0 && existsSync(program)) return { program };
  rmSync(folder, { recursive: true, force: true });
  return { reason: `${leftOut}: npm could not install ${PACKAGE}@${VERSION}` };
}

/** What a subject is called when that release runs it. */
export function nameWithCurrentNode(subject: string): string {
  return `${subject}, Node ${VERSION.split('.')[0] ?? VERSION}`;
}
