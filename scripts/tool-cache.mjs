// Programs from npm's registry that the workspace does not install: other runtimes, a cross compiler. Each lies in a folder of
// its own below the user's cache, outside of the workspace, whose `node_modules/.bin` they would otherwise change.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where they lie; XDG_CACHE_HOME names another place. */
export const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'entropynet');

const folderOf = (name, version) => join(cacheFolder, `${name.replaceAll('/', '+')}@${version}`);

/** The folder of a package of exactly that version; undefined where it is not installed. */
export function findCachedPackage(name, version) {
  const installed = join(folderOf(name, version), 'node_modules', ...name.split('/'));
  return existsSync(join(installed, 'package.json')) ? installed : undefined;
}

/**
 * The same, installed at the first call, which says so on standard error.
 *
 * @param {string} name of the package
 * @param {string} version exact
 */
export function cachedPackage(name, version) {
  const found = findCachedPackage(name, version);
  if (found !== undefined) return found;
  const folder = folderOf(name, version);
  process.stderr.write(`Fetching ${name}@${version} …\n`);
  // Put together beside it, so that a run which was stopped leaves nothing that looks whole.
  const stage = `${folder}.${process.pid}`;
  mkdirSync(stage, { recursive: true });
  try {
    writeFileSync(join(stage, 'package.json'), '{ "private": true }\n');
    // A package for another system or processor is fetched as well; its scripts are not run.
    const options = ['install', '--force', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
    const { status, stderr, error } = spawnSync('npm', [...options, `${name}@${version}`], {
      cwd: stage,
      encoding: 'utf8',
      shell: process.platform === 'win32',
      // What npm tells its scripts about this workspace is not for that folder.
      env: Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_config_local_prefix$/i.test(key))),
    });
    if (error) throw error;
    if (status !== 0) throw new Error(`npm could not install ${name}@${version}:\n${stderr}`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(stage, folder);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return findCachedPackage(name, version);
}

/** The version in the manifest of an installed package. */
export function versionIn(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}
