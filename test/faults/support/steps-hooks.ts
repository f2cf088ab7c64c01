import type { LoadHook } from 'node:module';

const LABEL = /^\s*\/\/ STEP\(([^)]+)\)$/gm;

/**
 * Turns the labels `// STEP(name)` of the compiled packages into calls. It is the only build that has them: elsewhere
 * they are comments.
 */
export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (loaded.format !== 'module' || loaded.source === undefined || !url.includes('/transport-shm/dist/')) return loaded;
  const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
  const call = (_label: string, name: string): string =>
    `if (globalThis.entropynetStep(${JSON.stringify(name)})) return;`;
  return { ...loaded, source: source.replace(LABEL, call) };
};
