import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { until } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { leaveOut } from '../support/leave-out.js';
import { namesIn } from '../support/shared-memory/names-in.js';
import { buildNative, missingForNative, type NativeBuild } from './support/native-library.js';

const SERVER = fileURLToPath(new URL('../../../native/examples/hello.mjs', import.meta.url));

describe('the first programs of the README for C', function () {
  this.timeout(60_000);

  let build: NativeBuild | undefined;

  before(function () {
    this.timeout(180_000);
    const missing = missingForNative();
    if (missing !== undefined) leaveOut(this, `what needs ${missing}`);
    build = buildNative('address,undefined', ['hello']);
  });

  after(() => {
    build?.dispose();
  });

  it('exchange a message', async () => {
    const XDG_RUNTIME_DIR = mkdtempSync(join(tmpdir(), 'entropynet-hello-'));
    const environment = { env: { ...process.env, XDG_RUNTIME_DIR } };
    const server = spawn(process.execPath, ['--conditions=entropynet-internal', SERVER], environment);
    const heard = buffer(server.stdout);
    const names = join(XDG_RUNTIME_DIR, 'entropynet');
    await until(
      () => existsSync(names) && namesIn(names).some((name) => name.endsWith('.region')),
      'the server listens',
    );
    const client = spawn((build as NativeBuild).program('hello'), environment);
    const answer = await buffer(client.stdout);
    expect(answer.toString().trimEnd()).to.equal('Hello from Node.js');
    expect((await heard).toString()).to.equal('Hello from C\n');
    expect(namesIn(names)).to.deep.equal([]);
    rmSync(XDG_RUNTIME_DIR, { recursive: true });
  });
});
