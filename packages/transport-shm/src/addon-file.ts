import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The environment's variable with the path of the addon's file, for programs without a `node_modules`: bundles and single
 * executables.
 */
export const ADDON_PATH = 'ENTROPYNET_ADDON_PATH';

/** What a prebuilt addon's file name says about the C library that it needs. */
const C_LIBRARY = /\.(?:glibc|musl)\./;

/** The path that the environment names; undefined where it names none. */
export function addonPath(): string | undefined {
  return process.env[ADDON_PATH] || undefined;
}

/** The exports of an addon, by its path; relative paths start from the working directory. */
export function openAddon(path: string): unknown {
  const module = { exports: {} };
  // Not `require`, which would run a script.
  process.dlopen(module, resolve(path));
  return module.exports;
}

/**
 * The exports of the addon that the package brings or that was built in it. Which C library a process has is a guess: the
 * addon for the other one is tried, too.
 */
export function openPackagedAddon(): unknown {
  // In a bundle there is no package; finding that out is part of what may fail.
  const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
  // Not imported by name: webpack would take the calls of what `createRequire` gives for its own.
  const load = process.getBuiltinModule('node:module').createRequire(import.meta.url);
  const { path: find } = load('node-gyp-build') as { readonly path: (folder: string) => string };
  const found = find(packageFolder);
  try {
    return load(found);
  } catch (error) {
    for (const file of forOtherLibraries(found)) {
      try {
        return load(file);
      } catch {
        // The first one's reason is the one to tell.
      }
    }
    throw error;
  }
}

/** The prebuilt addons that differ from a file in the C library alone. */
function forOtherLibraries(file: string): string[] {
  const name = basename(file);
  const rest = (each: string): string => each.replace(C_LIBRARY, '.');
  if (!C_LIBRARY.test(name)) return [];
  const folder = dirname(file);
  const others = readdirSync(folder).filter((each) => each !== name && rest(each) === rest(name));
  return others.map((each) => join(folder, each));
}
