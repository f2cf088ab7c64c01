import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { nativeBinding } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { leaveOut } from '@entropynet/test/support/leave-out';

const run = promisify(execFile);

/** Takes all memory that the limit leaves, then makes a region that this process reaches through a copy. */
const PROGRAM = `
  import { randomBytes } from 'node:crypto';
  import { readdirSync } from 'node:fs';
  import { loadNativeBinding } from '@entropynet/transport-shm/internal/native-binding';
  import { IDENTITY_BYTES } from '@entropynet/transport-shm/internal/region/layout';
  import { SharedMemoryRegion } from '@entropynet/transport-shm/internal/region/shared-memory-region';
  const binding = loadNativeBinding().value;
  const bytes = 64 * 1024 * 1024;
  const held = [];
  try {
    for (;;) held.push(new ArrayBuffer(bytes));
  } catch {}
  const before = readdirSync('/proc/self/fd').length;
  const made = SharedMemoryRegion.create(binding, 'copied', bytes, { identity: randomBytes(IDENTITY_BYTES) });
  const after = readdirSync('/proc/self/fd').length;
  console.log(JSON.stringify({ code: made.error?.code, message: made.error?.message, leaked: after - before }));
`;

describe('a copied region without memory for the copy', function () {
  this.timeout(60_000);

  before(function () {
    if (process.platform !== 'linux') leaveOut(this, 'only Linux lists the descriptors of a process');
    if (nativeBinding() === undefined) leaveOut(this, 'the addon is not built');
    if (process.env['ASAN_OPTIONS'] !== undefined)
      leaveOut(this, 'a sanitizer reserves more addresses than a limit leaves');
  });

  it('is refused with ResourceLimitExceeded and leaves no descriptor', async () => {
    const line = ['--conditions=entropynet-internal', '--input-type=module', '--eval', PROGRAM];
    const script = 'ulimit -v 1500000; exec "$0" "$@"';
    const { stdout } = await run('sh', ['-c', script, process.execPath, ...line], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
    });
    const outcome = JSON.parse(stdout) as { code: string; message: string; leaked: number };
    expect(outcome).to.include({ code: 'ResourceLimitExceeded', leaked: 0 });
    expect(outcome.message).to.include('67108864 bytes');
  });
});
