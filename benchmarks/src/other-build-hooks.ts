/** Module hooks: the packages that are compared come from the other build, the programs that measure stay the same. */
import type { InitializeHook, ResolveHook } from 'node:module';

/** The packages of EntropyNet, and the one whose objects they share with the programs. */
const COMPARED = /^(?:entropynet|inversify|@entropynet\/(?!benchmarks).*)$/;

let parentURL = '';

export const initialize: InitializeHook<string> = (manifest) => {
  parentURL = manifest;
};

export const resolve: ResolveHook = (specifier, context, next) =>
  next(specifier, COMPARED.test(specifier) ? { ...context, parentURL } : context);
