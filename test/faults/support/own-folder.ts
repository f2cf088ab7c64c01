import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '@entropynet/conformance/tools';

/** A separate folder for the test. */
export function ownFolder(scope: Scope): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'entropynet-')));
  scope.defer(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
