import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SharedMemoryTransport } from '@entropynet/transport-shm';

const PROGRAM = fileURLToPath(new URL('../../../examples/canvas/dist/main.js', import.meta.url));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Run {
  readonly transport: string;
  readonly selection: { readonly passedOver: readonly { readonly backend: string; readonly reason: string }[] };
  readonly messages: number;
  readonly lost: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly sha256Match: boolean;
  readonly controlLatencyUs: { readonly p50: number; readonly p99: number };
}

function run(...argv: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...argv], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('the canvas example', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-test-'));

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const size of [0, 3_000_001]) {
    it(`streams, uploads ${size} bytes and loses nothing, over every transport`, async function () {
      const probe = await new SharedMemoryTransport().probe({
        endpoint: 'nobody',
        sharedMemory: { directory: folder },
      });
      const hasAddon = probe.available || !probe.reason.includes('addon');
      if (!hasAddon) return this.skip();
      const file = join(folder, `upload-${size}`);
      writeFileSync(file, Buffer.alloc(size, 'entropy'));
      const { code, stdout } = await run('--json', '--file', file);
      const { runs } = JSON.parse(stdout) as { runs: Run[] };
      expect(runs.map(({ transport }) => transport)).to.deep.equal(['shared-memory', 'websocket', 'websocket']);
      for (const each of runs) {
        expect(each).to.include({ lost: 0, sha256Match: true, bytes: size });
        expect(each.messages).to.be.at.least(200_000);
        expect(each.controlLatencyUs.p99).to.be.at.least(each.controlLatencyUs.p50);
      }
      expect(runs[2]?.selection.passedOver.map(({ backend }) => backend)).to.deep.equal(['shared-memory']);
      expect(runs[2]?.selection.passedOver[0]?.reason).to.contain('does not exist');
      expect(code).to.equal(0);
    });
  }

  for (const argv of [['--file', '/nowhere/at/all'], ['--file', ''], ['--file', tmpdir()], ['--speed'], ['extra']]) {
    it(`answers ${JSON.stringify(argv)} with one sentence and exit code 2`, async () => {
      const { code, stdout, stderr } = await run(...argv);
      expect(code).to.equal(2);
      expect(stdout).to.equal('');
      expect(stderr.trim().split('\n')).to.have.length(1);
      expect(stderr).to.contain(argv.at(-1));
    });
  }
});
