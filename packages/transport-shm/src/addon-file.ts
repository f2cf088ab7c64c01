import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The environment variable with the path of the addon's file. Programs without a `node_modules` set it: bundles and
 * single executables.
 */
export const ADDON_PATH = 'ENTROPYNET_ADDON_PATH';

/** The part of a prebuilt addon's file name that names its C library. */
const C_LIBRARY = /\.(?:glibc|musl)\./;

/** Returns the path in the environment variable; undefined if it is not set. */
export function addonPath(): string | undefined {
  return process.env[ADDON_PATH] || undefined;
}

/** Loads an addon and returns its exports. A relative path starts from the working directory. */
export function openAddon(path: string): unknown {
  const module = { exports: {} };
  // `dlopen`, because `require` would also run a script.
  process.dlopen(module, resolve(path));
  return module.exports;
}

/**
 * Loads the addon of the package: a prebuilt one, or one that was built there. The C library of the process is a guess,
 * so this function also tries the addon for the other one.
 */
export function openPackagedAddon(): unknown {
  // A bundle has no package, and this line may fail there.
  const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
  // `createRequire` is not imported by name, because webpack would then take the calls of its result for its own.
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
        // The error of the first file is the more useful one.
      }
    }
    throw error;
  }
}

/** Returns the prebuilt addons that differ from a file only in the C library. */
function forOtherLibraries(file: string): string[] {
  const name = basename(file);
  const rest = (each: string): string => each.replace(C_LIBRARY, '.');
  if (!C_LIBRARY.test(name)) return [];
  const folder = dirname(file);
  const others = readdirSync(folder).filter((each) => each !== name && rest(each) === rest(name));
  return others.map((each) => join(folder, each));
}
