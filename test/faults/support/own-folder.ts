import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '@entropynet/conformance/tools';

/** A folder of the test's own. */
export function ownFolder(scope: Scope): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'entropynet-')));
  scope.defer(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
