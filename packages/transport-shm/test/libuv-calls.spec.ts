import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The addon's source, from `test/dist`. */
const FOLDER = fileURLToPath(new URL('../../native/', import.meta.url));

function callsIn(file: string): string[] {
  const calls = readFileSync(join(FOLDER, file), 'utf8').match(/\buv_\w+(?=\()/g) ?? [];
  return [...new Set(calls)].sort();
}

describe('the functions of libuv', () => {
  // Bun and Deno load the addon, too, and have none of them, or abort in them.
  it('are called in the one file that only runs in a program with libuv', () => {
    const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(?:cc|h)$/.test(file));
    expect(files.filter((file) => callsIn(file).length > 0)).to.deep.equal(['libuv_watch.cc']);
  });

  it('are those that may be missing when the addon is loaded', () => {
    const weak = readFileSync(join(FOLDER, 'libuv.h'), 'utf8').matchAll(/#pragma weak (\w+)/g);
    expect(callsIn('libuv_watch.cc')).to.deep.equal(Array.from(weak, ([, name]) => name).sort());
  });
});
