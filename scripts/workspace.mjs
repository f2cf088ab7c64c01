// What the workspace consists of. Everything that has to know all packages asks here, so that a new package is known
// everywhere as soon as its folder is there. Plain Node.js without dependencies.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const rootFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** The manifest of a folder. */
export function readManifest(folder) {
  return JSON.parse(readFileSync(join(rootFolder, folder, 'package.json'), 'utf8'));
}

/** The folders of all packages, from the root, in the order of the patterns in `package.json`. */
export function workspaceFolders() {
  return readManifest('.').workspaces.flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [pattern];
    const parent = pattern.slice(0, -2);
    const folders = readdirSync(join(rootFolder, parent)).map((name) => `${parent}/${name}`);
    return folders.filter((folder) => existsSync(join(rootFolder, folder, 'package.json'))).sort();
  });
}

/** The folders of the packages that are published. */
export function publishedFolders() {
  return workspaceFolders().filter((folder) => readManifest(folder).private !== true);
}

/** The compiled modules whose exports a package joins for Node.js; none if its manifest names no such file. */
export function joinedEntries(folder) {
  const targets = Object.values(readManifest(folder).exports ?? {});
  const joined = targets.filter(({ node }) => node !== undefined);
  return joined.map((target) => join(rootFolder, folder, target.default));
}

/** The folders with a page that a browser needs in one piece; it is bundled into their `dist/page`. */
export function pageFolders() {
  return workspaceFolders().filter((folder) => existsSync(join(rootFolder, folder, 'page', 'main.ts')));
}

/** What `tsc -b` compiles: the folder of each `tsconfig.json`, where its sources are and where its output goes. */
export function compiledProjects() {
  const folders = workspaceFolders().flatMap((folder) => [folder, `${folder}/page`, `${folder}/test`]);
  return folders
    .filter((folder) => existsSync(join(rootFolder, folder, 'tsconfig.json')))
    .map((folder) => {
      const { compilerOptions } = JSON.parse(readFileSync(join(rootFolder, folder, 'tsconfig.json'), 'utf8'));
      const within = (inner) => (inner === '.' ? folder : `${folder}/${inner}`);
      return { folder, source: within(compilerOptions.rootDir), output: within(compilerOptions.outDir) };
    });
}
