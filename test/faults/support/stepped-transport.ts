import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PeerModule } from '@entropynet/conformance/tools';

/** The repository; this file is `test/dist/faults/support/stepped-transport.js`. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

const LABEL = /^\s*\/\/ STEP\(([^)]+)\)$/gm;

let copy: string | undefined;

/**
 * The shared-memory transport with calls in the place of the labels `// STEP(name)`. Everywhere else the labels are
 * comments. This process makes the copy once; a loader hook would need a thread in each process that it starts.
 */
export function steppedTransport(): PeerModule {
  copy ??= makeCopy();
  const specifier = pathToFileURL(join(copy, 'dist', 'index.js')).href;
  return { specifier, className: 'SharedMemoryTransport' };
}

function makeCopy(): string {
  const original = dirname(dirname(fileURLToPath(import.meta.resolve('@entropynet/transport-shm'))));
  const folder = mkdtempSync(join(tmpdir(), 'stepped-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  copyFileSync(join(original, 'package.json'), join(folder, 'package.json'));
  for (const name of ['build', 'prebuilds'])
    if (existsSync(join(original, name))) symlinkSync(join(original, name), join(folder, name), 'junction');
  // The copy finds the packages that the original imports.
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  for (const path of readdirSync(join(original, 'dist'), { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.js')) continue;
    const target = join(folder, 'dist', path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, withCalls(readFileSync(join(original, 'dist', path), 'utf8')));
  }
  return folder;
}

function withCalls(source: string): string {
  const call = (_label: string, name: string): string =>
    `if (globalThis.entropynetStep(${JSON.stringify(name)})) return;`;
  return source.replace(LABEL, call);
}
