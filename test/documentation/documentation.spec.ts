import { NETWORK_ERROR_CODES, resolveConnectionConfig } from '@entropynet/core';
import '@entropynet/transport-nats';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
// A configuration may have a section of each built-in transport.
import '@entropynet/transport-ws';
import { expect } from 'chai';
import { validate as validateDockerfile } from 'dockerfile-utils';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { complaintsAboutScript } from './commands.js';
import { type Block, readPages, ROOT } from './pages.js';
import { type Outcome, placeOf, type Program, programsOf, Workshop } from './programs.js';
import { leaveOut } from '../support/leave-out.js';

/** The allowed languages of a block. A block that is not checked contains no program. */
const LANGUAGES = new Set([
  'js',
  'ts',
  'json',
  'sh',
  'yaml',
  'dockerfile',
  'text',
  'mermaid',
  'c',
  'cpp',
  'cmake',
  'python',
  '',
]);

const MARKERS = new Set(['prints', 'not run', 'continues', 'file', 'quoted from', 'not a configuration']);

const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);
const programs = pages.flatMap((page) => programsOf(page.blocks));

/** Other blocks of the page run a file. */
const isFile = ({ block }: Program): boolean => block.markers.has('file');
const isRun = (program: Program): boolean => program.notRun === undefined && !isFile(program);

describe('the documentation', function () {
  this.timeout(120_000);

  let workshop: Workshop;
  let hasSharedMemory: boolean;
  const outcomes = new Map<Program, Outcome>();

  before(async () => {
    workshop = new Workshop();
    const directory = join(workshop.folder, 'nobody');
    const probe = await new SharedMemoryTransport().probe({ endpoint: 'nobody', sharedMemory: { directory } });
    hasSharedMemory = probe.available || !/addon|runtime forbids/.test(probe.reason);
    await workshop.prepare(programs);
    const waiting = programs.filter(isRun);
    const work = async (): Promise<void> => {
      for (let program = waiting.shift(); program !== undefined; program = waiting.shift()) {
        if (workshop.complaintsAbout(program).length === 0) outcomes.set(program, await workshop.run(program));
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, work));
  });

  after(() => {
    workshop.dispose();
  });

  for (const program of programs) {
    const place = placeOf(program.block);
    it(`${place} ${isRun(program) ? 'runs' : 'is correct'}`, function () {
      expect(program.notRun, 'a reason').to.not.equal('');
      expect(workshop.complaintsAbout(program)).to.be.empty;
      if (program.block.language === 'sh') expect(complaintsAboutScript(program.code)).to.be.empty;
      if (!isRun(program)) return;
      if (program.prints?.includes('shared-memory') && !hasSharedMemory)
        leaveOut(this, `${place} prints what needs the addon, which does not load here`);
      const { code, stdout, stderr } = outcomes.get(program)!;
      // Without the addon, a program reports its fallback on standard error.
      const complaints = hasSharedMemory ? stderr : stderr.replaceAll(/^entropynet: .*\n/gm, '');
      expect({ code, complaints }, stdout).to.deep.equal({ code: 0, complaints: '' });
      // Output that the page does not show would surprise a reader.
      expect(stdout).to.equal(program.prints ?? '');
    });
  }

  for (const block of blocks.filter(({ language }) => language === 'json')) {
    const other = block.markers.get('not a configuration');
    it(`${placeOf(block)} is ${other ?? 'a configuration'}`, () => {
      const value: unknown = JSON.parse(block.code);
      if (other === undefined) {
        expect(resolveConnectionConfig(value)).to.include({
          ok: true,
        });
      }
    });
  }

  for (const block of blocks.filter(({ language }) => language === 'yaml')) {
    it(`${placeOf(block)} is YAML`, () => {
      for (const document of parseAllDocuments(block.code)) {
        expect([...document.errors, ...document.warnings]).to.be.empty;
        expect(document.toJS()).to.be.an('object');
      }
    });
  }

  for (const block of blocks.filter(({ language }) => language === 'dockerfile')) {
    it(`${placeOf(block)} is a Dockerfile`, () => {
      expect(validateDockerfile(block.code)).to.be.empty;
    });
  }

  for (const block of blocks.filter(({ markers }) => markers.has('quoted from'))) {
    it(`${placeOf(block)} equals the source`, () => {
      const source = readFileSync(join(ROOT, block.markers.get('quoted from')!), 'utf8');
      expect(withoutIndent(source)).to.include(withoutIndent(block.code));
    });
  }

  it('has blocks of known kinds with known markers only', () => {
    const unknown = blocks.filter(
      ({ language, markers }) => !LANGUAGES.has(language) || [...markers.keys()].some((name) => !MARKERS.has(name)),
    );
    expect(unknown.map(placeOf)).to.be.empty;
  });

  it('uses every file that it shows', () => {
    const unused = programs.filter(isFile).filter(({ block }) => {
      const name = block.markers.get('file')!.replace(/\.ts$/, '.js');
      const users = blocks.filter((other) => other.page === block.page && other !== block && isUser(other));
      return !users.some(({ code }) => code.includes(name));
    });
    expect(unused.map(({ block }) => placeOf(block))).to.be.empty;
  });

  it('has no broken links', () => {
    const fragmentsOf = new Map(pages.map(({ path, fragments }) => [path, fragments]));
    const broken = pages.flatMap((page) =>
      page.links
        .filter(({ path, fragment }) => {
          if (!existsSync(join(ROOT, path))) return true;
          return fragment !== '' && fragmentsOf.get(path)?.has(fragment) !== true;
        })
        .map(({ line, path, fragment }) => `${page.path}:${line} ${path}#${fragment}`),
    );
    expect(broken).to.be.empty;
  });

  it('has the option tables of the current schemas and types', () => {
    const script = join(ROOT, 'scripts', 'option-tables.mjs');
    const { status, stderr } = spawnSync(process.execPath, ['--conditions=entropynet-internal', script, '--check'], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });

  it('has the platform table of the current runs in docs/runs', () => {
    const script = join(ROOT, 'scripts', 'platform-table.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { cwd: ROOT, encoding: 'utf8' });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });

  it('gives the date and the alternatives of each decision', () => {
    const records = pages.filter(({ path }) => path.startsWith('docs/adr/'));
    expect(records).to.not.be.empty;
    for (const { path } of records) {
      const text = readFileSync(join(ROOT, path), 'utf8');
      expect(text, path).to.match(/^# \d+\. .+\n\n- Status: (?:accepted|superseded by .+)\n- Date: \d{4}-\d\d-\d\d\n/);
      for (const heading of ['Context', 'Decision', 'Alternatives']) expect(text, path).to.include(`\n## ${heading}\n`);
    }
  });

  it('has a section for every error code, and for no other', () => {
    const sections = pages.find(({ path }) => path === 'docs/errors.md')?.thirdHeadings;
    expect(sections).to.have.members([...NETWORK_ERROR_CODES]);
    const text = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
    for (const section of text.split('\n### ').slice(1)) {
      expect(section).to.match(/^\w+\n\n- \*\*Symptom:\*\* .+\n- [^]+?\n- \*\*To do:\*\* ./);
    }
  });
});

function isUser({ language, markers }: Block): boolean {
  return ['js', 'ts', 'sh'].includes(language) && !markers.has('not run');
}

/** The lines without their indent, so that a page can quote a member outside its class. */
function withoutIndent(text: string): string {
  return text.replaceAll(/^[ \t]+/gm, '');
}
