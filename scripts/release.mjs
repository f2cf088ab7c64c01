// Publishes the packages whose version the registry does not have yet, with a statement of where they were built
// (provenance), which only a CI system that vouches for itself can make. The addons for every system are built first: that needs
// Debian's g++-mingw-w64-x86-64 and binutils, and gets a compiler for the other systems from npm's registry.
// Usage: npm run release -- [--dry-run]; a dry run goes as far as packing what would be sent.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { publishedFolders, rootFolder } from './workspace.mjs';

/** Ends the release; the sentence is all the user needs to read. */
class ReleaseError extends Error {}

function run(command, args, { environment = {}, folder = rootFolder, isCaptured = false } = {}) {
  const { error, status, stdout } = spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    stdio: ['ignore', isCaptured ? 'pipe' : 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (error) throw error;
  if (status !== 0) throw new ReleaseError(`"${command} ${args.join(' ')}" failed; nothing was published after it.`);
  return stdout;
}

/** What keeps this checkout from being published, a sentence each. */
function obstacles() {
  const found = [];
  const { version } = JSON.parse(readFileSync(join(rootFolder, 'lerna.json'), 'utf8'));
  const changes = run('git', ['status', '--porcelain'], { isCaptured: true });
  if (changes !== '') found.push('there are changes that are not committed');
  const notes = readdirSync(join(rootFolder, '.changeset')).filter((name) => /^(?!README).*\.md$/.test(name));
  if (notes.length > 0) found.push(`${notes.length} notes wait in .changeset: run "npx changeset version" and commit`);
  const tags = run('git', ['tag', '--points-at', 'HEAD'], { isCaptured: true }).split('\n');
  if (!tags.includes(`v${version}`)) found.push(`the commit has no tag v${version}`);
  return found;
}

function release(isDryRun) {
  const found = obstacles();
  if (found.length > 0 && !isDryRun) throw new ReleaseError(`Not to be published: ${found.join('; ')}.`);
  run('npm', ['run', 'test:packages']);
  // The addons for every system, each for its oldest C library: one that is built for this machine needs a newer one.
  run(process.execPath, ['scripts/cross-build.mjs', '--fetch']);
  if (!isDryRun) {
    run('npx', ['lerna', 'publish', 'from-package', '--yes'], {
      environment: { NPM_CONFIG_PROVENANCE: 'true', NX_DAEMON: 'false' },
    });
    return;
  }
  for (const folder of publishedFolders()) run('npm', ['publish', '--dry-run'], { folder: join(rootFolder, folder) });
  process.stdout.write('Nothing was published: this was a dry run.\n');
  for (const obstacle of found) process.stdout.write(`Before it is published: ${obstacle}.\n`);
}

try {
  const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false } } });
  release(values['dry-run']);
} catch (error) {
  if (!(error instanceof ReleaseError) && !String(error.code).startsWith('ERR_PARSE_ARGS')) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
