import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '@entropynet/conformance/tools';

/** A separate small file system for the test. */
export function mountSmall(scope: Scope, options: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  expect(mounted.status, String(mounted.stderr)).to.equal(0);
  scope.defer(() => {
    spawnSync('umount', ['-l', folder]);
    rmdirSync(folder);
  });
  return folder;
}
