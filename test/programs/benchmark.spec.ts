import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = join(ROOT, 'benchmarks', 'dist', 'main.js');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...options: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...options], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('the benchmark', function () {
  // Each test starts several processes, one after the other.
  this.timeout(90_000);

  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'entropynet-test-'));
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('measures the subjects and writes the figures', async () => {
    const json = join(folder, 'figures.json');
    const html = join(folder, 'figures.html');
    const subjects = ['EntropyNet ws', 'EntropyNet loopback', 'ws', 'net (Unix socket)', 'worker_threads MessagePort'];
    const chosen = ['--only', 'pipelined', '--subjects', subjects.join(','), '--rounds', '1'];
    const { code, stdout } = await bench(...chosen, '--json', json, '--html', html);
    expect(code).to.equal(0);
    const { results } = JSON.parse(readFileSync(json, 'utf8')) as {
      results: { subject: string; figure: string; statistic: string; unit: string; value: number }[];
    };
    for (const subject of subjects) {
      const own = results.filter((each) => each.subject === subject);
      expect(own.map(({ statistic }) => statistic)).to.deep.equal(['rate']);
      expect(own[0]?.value).to.be.greaterThan(0);
      expect(stdout).to.contain(subject);
    }
    const lines = stdout.split('\n');
    expect(Math.max(...lines.slice(1).map((line) => line.length))).to.be.at.most(120);
    const page = readFileSync(html, 'utf8');
    expect(page).to.contain('<svg').and.to.contain('prefers-color-scheme');
    expect(page).not.to.match(/(?:src|href)=/);
  });

  it('measures processes that keep their memory, under their workloads', async () => {
    const json = join(folder, 'kept.json');
    const subject = ['--subjects', 'ws (memory kept)', '--rounds', '1'];
    const measured = await bench('--only', 'one-way', ...subject, '--json', json);
    expect(measured.code).to.equal(0);
    const { results } = JSON.parse(readFileSync(json, 'utf8')) as { results: { subject: string }[] };
    expect(new Set(results.map((each) => each.subject))).to.deep.equal(new Set(['ws (memory kept)']));
    const leftOut = await bench('--only', 'pipelined', ...subject);
    expect(leftOut.stderr).to.equal('ws (memory kept) is left out: it is for one-way, sizes, control, flood\n');
  });

  it('measures another build next to this one, and compares the two', async () => {
    const json = join(folder, 'against.json');
    const chosen = ['--only', 'pipelined', '--subjects', 'EntropyNet ws', '--rounds', '2'];
    const { code, stdout } = await bench(...chosen, '--against', ROOT, '--json', json);
    expect(code).to.equal(0);
    const { results, comparisons } = JSON.parse(readFileSync(json, 'utf8')) as {
      results: { subject: string }[];
      comparisons: { subject: string; statistic: string; rounds: number }[];
    };
    expect(results.map(({ subject }) => subject)).to.have.members(['EntropyNet ws', 'EntropyNet ws (other build)']);
    expect(comparisons).to.have.length(1);
    expect(comparisons[0]).to.include({ subject: 'EntropyNet ws', statistic: 'rate', rounds: 2 });
    expect(stdout).to.contain('0 of 1 figures are worse');
  });

  it('takes the packages of the other build from its folder', async () => {
    const build = join(folder, 'other-build');
    const packages = join(build, 'node_modules', '@entropynet');
    const manager = join(packages, 'manager');
    mkdirSync(join(manager, 'dist'), { recursive: true });
    for (const name of ['core', 'transport-shm', 'transport-ws'])
      symlinkSync(join(ROOT, 'packages', name), join(packages, name));
    symlinkSync(join(ROOT, 'node_modules', 'inversify'), join(build, 'node_modules', 'inversify'));
    writeFileSync(join(manager, 'package.json'), '{ "type": "module", "exports": "./dist/index.js" }');
    const program = "export function createNetworking() { throw new Error('the manager of the other build'); }";
    writeFileSync(join(manager, 'dist', 'index.js'), program);
    const { code, stderr } = await bench('--only', 'pipelined', '--subjects', 'EntropyNet ws', '--against', build);
    expect(code).to.equal(1);
    expect(stderr).to.contain('the manager of the other build');
  });

  for (const [options, problem] of [
    [['--against', '/nowhere'], "--against '/nowhere' holds no built clone: "],
    [['--only', 'everything'], "--only 'everything' is unknown; allowed are round-trip"],
    [['--rounds', '0'], "--rounds '0' is not a whole number from 1 to 99"],
    [
      ['--subjects', 'ws,carrier pigeon'],
      "--subjects 'carrier pigeon' is unknown; allowed are EntropyNet shm adaptive",
    ],
    [['--fast'], '--fast'],
  ] as const) {
    it(`answers ${options.join(' ')} with one sentence and exit code 2`, async () => {
      const { code, stdout, stderr } = await bench(...options);
      expect(code).to.equal(2);
      expect(stdout).to.equal('');
      expect(stderr).to.contain(problem);
      expect(stderr.trimEnd().split('\n')).to.have.length(1);
    });
  }

  if (existsSync('/dev/full')) {
    it('prints the figures although the disk of their file is full, and says so', async () => {
      const chosen = ['--only', 'pipelined', '--subjects', 'worker_threads MessagePort', '--rounds', '1'];
      const html = join(folder, 'beside.html');
      const { code, stdout, stderr } = await bench(...chosen, '--json', '/dev/full', '--html', html);
      expect(code).to.equal(1);
      expect(stdout).to.contain('worker_threads MessagePort');
      expect(stderr).to.equal("/dev/full can't be written: the disk is full: make room there (ENOSPC)\n");
      expect(readFileSync(html, 'utf8')).to.contain('<svg');
    });
  }

  it('prints its help', async () => {
    const { code, stdout } = await bench('--help');
    expect(code).to.equal(0);
    expect(stdout).to.contain('Usage: entropynet bench').and.to.contain('Example:');
  });
});
