import { NetworkError, shortageOf } from '@entropynet/core';
import type * as inversifyTypes from 'inversify';

/**
 * The library of the container. It has more modules than all packages of a connection together, so a program without a
 * container does not load it.
 */
export type Inversify = typeof inversifyTypes;

/**
 * Returns a function that loads inversify without a promise, for a program that reads the container later. Undefined where
 * that would be another copy than that of the program's imports, or none: in a page, a bundle, the sandbox of a test
 * runner, and a runtime whose `require` loads no ECMAScript modules. There, `importInversify` must load it first.
 */
export function inversifyOnDemand(): (() => Inversify | NetworkError) | undefined {
  try {
    if (!process.features.require_module) return undefined;
    const load = process.getBuiltinModule('node:module').createRequire(import.meta.url);
    // A sandbox has built-in objects of its own, and its imports have modules of their own.
    if (!(load instanceof Function)) return undefined;
    const { name } = load('../package.json') as { readonly name?: unknown };
    if (name !== '@entropynet/manager') return undefined;
    const path = load.resolve('inversify');
    return () => loadNow(load, path);
  } catch {
    // There is no `process`, or no such file.
    return undefined;
  }
}

function loadNow(load: NodeJS.Require, path: string): Inversify | NetworkError {
  if (isFrozen()) return frozen();
  try {
    return load(path) as Inversify;
  } catch (error) {
    if (!isBeingImported(error)) return lackOf(error, 'read it again when there is enough');
    const sentence =
      'there is no container yet: this program imports inversify at the moment; read it after that import';
    return new NetworkError('NotSupported', sentence, error);
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
  const code = codeOf(error);
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}

/** Whether an import of the same module has begun and not ended. Node.js 20 and its successors name that differently. */
function isBeingImported(error: unknown): boolean {
  const code = codeOf(error);
  return (
    code === 'ERR_INTERNAL_ASSERTION' ||
    code === 'ERR_REQUIRE_CYCLE_MODULE' ||
    code === 'ERR_REQUIRE_ESM_RACE_CONDITION'
  );
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code;
}
