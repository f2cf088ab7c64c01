import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { missingForNative } from '../native-peer/support/native-library.js';
import { findProgram } from '../support/find-program.js';
import { leaveOut } from '../support/leave-out.js';

const RUNNER = fileURLToPath(new URL('../../../scripts/example.mjs', import.meta.url));

function leaveOutWithout(context: Context, missing: string | undefined): void {
  if (missing !== undefined) leaveOut(context, `what needs ${missing}`);
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('the smaller examples', function () {
  this.timeout(60_000);

  /** The temporary directory of the programs, which shows all files that they leave behind. */
  let temporary: string;

  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'en-'));
  });

  afterEach(() => {
    rmSync(temporary, { recursive: true, force: true });
  });

  function run(...parameters: string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const env = { ...process.env, TMPDIR: temporary };
      const child = execFile(process.execPath, [RUNNER, ...parameters], { env }, (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr });
      });
    });
  }

  /** The values of a table, by the text before each value. */
  function tableOf(stdout: string): Record<string, string> {
    const lines = stdout.trimEnd().split('\n');
    return Object.fromEntries(lines.map((line) => [line.slice(0, 34).trimEnd(), line.slice(34)]));
  }

  // Without the option, the programs use shared memory if it is available.
  for (const option of [[], ['--websocket']]) {
    const how = option[0] ?? 'no option';

    it(`log-shipper loses no line, with a worker that disconnects or just ends (${how})`, async () => {
      const counts = ['--workers', '4', '--lines', '5000', '--file-bytes', '100000'];
      const { code, stdout, stderr } = await run('log-shipper', ...counts, ...option);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      const table = tableOf(stdout);
      expect(table).to.include({ 'lines written': '20000 of 20000', 'lost, doubled or out of order': '0' });
      if (option.length > 0) expect(table).to.include({ workers: '4 over websocket' });
      // About 870 kB of lines, in files of 100 kB.
      expect(Number(table['files'])).to.be.within(8, 10);
      expect(Number(table['times that the disk was behind'])).to.be.above(0);
      expect(readdirSync(temporary)).to.be.empty;
    });

    it(`worker-pool gives the tasks of a dead worker to another (${how})`, async () => {
      const { code, stdout, stderr } = await run('worker-pool', '--workers', '2', '--tasks', '40', ...option);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(tableOf(stdout)).to.deep.equal({
        'tasks answered': '40 of 40',
        'wrong answers': '0',
        'workers that died': '1',
        'tasks given to another worker': 'yes',
      });
      expect(readdirSync(temporary)).to.be.empty;
    });
  }

  it('http-over-shared-memory serves a page and takes an upload', async () => {
    const { code, stdout, stderr } = await run('http-over-shared-memory');
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    const table = tableOf(stdout);
    expect(table['status']).to.match(/^200 over (shared-memory|websocket)$/);
    expect(table).to.include({
      'answered by the other process': 'yes',
      'bytes there and back': String(8 * 1024 * 1024),
      'the same bytes': 'yes',
    });
    expect(readdirSync(temporary)).to.be.empty;
  });

  it('native-engine shows thousands of updates a frame and takes a change and an upload', async function () {
    // The first run builds the engine.
    this.timeout(300_000);
    leaveOutWithout(this, missingForNative());
    const counts = ['--objects', '1000', '--frames', '30', '--upload-bytes', '20000000'];
    const { code, stdout, stderr } = await run('native-engine', ...counts);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    const table = tableOf(stdout);
    expect(table).to.include({ 'bytes uploaded': '20000000', 'the same bytes': 'yes' });
    expect(Number(table['frames that the editor saw'])).to.be.at.least(30);
    // Three properties of each object change in each frame.
    expect(Number(table['updates in a frame'])).to.be.at.least(3000);
    expect(Number(table['frames until a change was seen'])).to.be.at.least(1);
    expect(readdirSync(temporary)).to.be.empty;
  });

  it('python-frames reads every frame in Python', async function () {
    this.timeout(300_000);
    const hasPython = findProgram('python3') !== undefined;
    leaveOutWithout(this, hasPython ? missingForNative() : 'python3, which is not installed here');
    const { code, stdout } = await run('python-frames', '--frames', '20', '--width', '320', '--height', '180');
    expect(code).to.equal(0);
    const table = tableOf(stdout);
    expect(table).to.include({ 'frames read by Python': '20', 'wrong answers': '0', 'bytes in a frame': '172816' });
    expect(table['computed with']).to.match(/^(?:NumPy \S+|Python)$/);
    expect(readdirSync(temporary)).to.be.empty;
  });

  for (const [name, words] of [
    ['native-engine', ['--objects', '0']],
    ['native-engine', ['--port', '65536']],
    ['python-frames', ['--width', '1921']],
  ] as const) {
    it(`${name} answers ${words.join(' ')} with one sentence and exit code 2`, async () => {
      const { code, stdout, stderr } = await run(name, ...words);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.contain(words[0]).and.to.contain(words[1]);
      expect(stderr.trimEnd().split('\n')).to.have.length(1);
    });
  }

  for (const name of ['log-shipper', 'worker-pool']) {
    for (const parameters of [['--workers', 'many'], ['--speed', '1'], ['extra']]) {
      it(`${name} answers ${parameters.join(' ')} with one sentence and exit code 2`, async () => {
        const { code, stdout, stderr } = await run(name, ...parameters);
        expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
        expect(stderr).to.contain(parameters.at(-1) === 'extra' ? 'extra' : parameters[0]!);
        expect(stderr.trimEnd().split('\n')).to.have.length(1);
      });
    }
  }

  it('are listed for an unknown name', async () => {
    const { code, stderr } = await run('no-such-example');
    expect(code).to.equal(2);
    expect(stderr)
      .to.contain("'no-such-example'")
      .and.to.contain('canvas, fleet, http-over-shared-memory, log-shipper, native-engine, python-frames, worker-pool');
  });
});
