import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PeerModule } from '@entropynet/conformance/tools';

/** The built tests: `test/dist`. A copy below it finds the packages that the original imports, without a link. */
const BUILT_TESTS = fileURLToPath(new URL('../../', import.meta.url));

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
  const folder = mkdtempSync(join(BUILT_TESTS, 'stepped-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  copyFileSync(join(original, 'package.json'), join(folder, 'package.json'));
  // The addon is in one of the last two.
  for (const name of ['dist', 'build', 'prebuilds']) {
    if (!existsSync(join(original, name))) continue;
    for (const path of readdirSync(join(original, name), { recursive: true, encoding: 'utf8' })) {
      const source = join(original, name, path);
      const target = join(folder, name, path);
      if (path.endsWith('.js')) {
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, withCalls(readFileSync(source, 'utf8')));
      } else if (path.endsWith('.node')) {
        mkdirSync(dirname(target), { recursive: true });
        copyFileSync(source, target);
      }
    }
  }
  return folder;
}

function withCalls(source: string): string {
  const call = (_label: string, name: string): string =>
    `if (globalThis.entropynetStep(${JSON.stringify(name)})) return;`;
  return source.replace(LABEL, call);
}
