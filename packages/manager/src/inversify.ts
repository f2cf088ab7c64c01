import { NetworkError, shortageOf } from '@entropynet/core';
import type * as inversifyTypes from 'inversify';

/**
 * The library of the container. It has more modules than all packages here together, so a program without a container does
 * not load it.
 */
export type Inversify = typeof inversifyTypes;

/**
 * Returns a function that loads inversify without a promise, for a program that reads the container later. Undefined if
 * that will not work, as in a page, in a bundle without installed packages, and in runtimes without it: then
 * `importInversify` must load it first.
 */
export function inversifyOnDemand(): (() => Inversify | NetworkError) | undefined {
  try {
    if (!process.features.require_module) return undefined;
    const load = process.getBuiltinModule('node:module').createRequire(import.meta.url);
    const path = load.resolve('inversify');
    return () => {
      if (isFrozen()) return frozen();
      try {
        return load(path) as Inversify;
      } catch (error) {
        return lackOf(error, 'read it again when there is enough');
      }
    };
  } catch {
    // There is no `process`, or no such package.
    return undefined;
  }
}

/** Loads inversify, or says why there is no container. */
export async function importInversify(): Promise<Inversify | NetworkError> {
  if (isFrozen()) return frozen();
  try {
    return await import('inversify');
  } catch (error) {
    // Node.js keeps the failure of an import as long as the process lives, so another attempt has no use.
    return lackOf(error, 'start this process again');
  }
}

/** inversify extends `Reflect`. With `--frozen-intrinsics` that is not possible, and the attempt would end the process. */
function isFrozen(): boolean {
  return !Object.isExtensible(Reflect);
}

function frozen(): NetworkError {
  return new NetworkError(
    'NotSupported',
    'there is no container because `Reflect` is frozen: inversify must extend it',
  );
}

/** Returns the error of a load for which this process lacked something. Throws every other `error` on. */
function lackOf(error: unknown, advice: string): NetworkError {
  const lack = shortageOf(error) ?? (isNotFound(error) ? NOT_FOUND : undefined);
  if (lack === undefined) throw error;
  const sentence = `there is no container because inversify could not be loaded: ${lack}; ${advice}`;
  return new NetworkError('ResourceLimitExceeded', sentence, error);
}

const NOT_FOUND = 'it is not installed, or this process had no file descriptor left to look for it: raise "ulimit -n"';

/** Node.js counts a package whose `package.json` it has no descriptor for as one that is not there. */
function isNotFound(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
}
