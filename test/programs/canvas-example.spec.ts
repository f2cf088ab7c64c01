import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SharedMemoryTransport } from '@entropynet/transport-shm';

const PROGRAM = fileURLToPath(new URL('../../../examples/canvas/dist/main.js', import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Run {
  readonly transport: string;
  readonly selection: {
    readonly backend: string;
    readonly endpoint: string;
    readonly passedOver: readonly { readonly backend: string; readonly reason: string }[];
  };
  readonly messages: number;
  readonly lost: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly sha256Match: boolean;
  readonly controlLatencyUs: { readonly p50: number; readonly p99: number };
}

describe('the canvas example', function () {
  this.timeout(60_000);

  let folder: string;
  /** The temporary directory of the program, which shows all files that it leaves behind. */
  let temporary: string;
  const started = new Set<ChildProcess>();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'en-canvas-'));
    temporary = join(folder, 't');
    mkdirSync(temporary);
  });

  afterEach(() => {
    for (const program of started) program.kill('SIGKILL');
    started.clear();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(...argv: string[]): { program: ChildProcess; outcome: Promise<Outcome> } {
    const program = spawn(process.execPath, [PROGRAM, ...argv], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.add(program);
    const output = { stdout: '', stderr: '' };
    program.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()));
    program.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()));
    const outcome = once(program, 'close').then(([code]) => ({ code: code as number | null, ...output }));
    return { program, outcome };
  }

  function fileOf(size: number): string {
    const file = join(folder, 'upload');
    writeFileSync(file, Buffer.alloc(size, 'entropy'));
    return file;
  }

  /** Whether the addon works here. A missing server does not matter. */
  async function hasSharedMemory(): Promise<boolean> {
    const probe = await new SharedMemoryTransport().probe({ endpoint: 'nobody', sharedMemory: { directory: folder } });
    return probe.available || !/addon|runtime forbids/.test(probe.reason);
  }

  for (const size of [0, 3_000_001]) {
    it(`streams, uploads ${size} bytes and loses nothing, over every transport`, async () => {
      const isShared = await hasSharedMemory();
      const { code, stdout } = await start('--json', '--file', fileOf(size)).outcome;
      const { runs, ...rest } = JSON.parse(stdout) as { runs: Run[] };
      expect(rest).to.be.empty;
      const first = isShared ? 'shared-memory' : 'websocket';
      expect(runs.map(({ transport }) => transport)).to.deep.equal([first, 'websocket', 'websocket']);
      for (const each of runs) {
        expect(each).to.have.all.keys(
          ...['transport', 'selection', 'messages', 'lost', 'seconds', 'bytes', 'sha256Match', 'controlLatencyUs'],
        );
        expect(each).to.include({ lost: 0, sha256Match: true, bytes: size });
        expect(each.selection.backend).to.equal(each.transport);
        expect(each.seconds).to.be.above(0);
        expect(each.messages).to.be.at.least(200_000);
        expect(each.controlLatencyUs.p50).to.be.above(0);
        expect(each.controlLatencyUs.p99).to.be.at.least(each.controlLatencyUs.p50);
      }
      const passedOver = runs.map(({ selection }) => selection.passedOver.map(({ backend }) => backend));
      expect(passedOver).to.deep.equal([isShared ? [] : ['shared-memory'], [], ['shared-memory']]);
      expect(runs[2]?.selection.passedOver[0]?.reason).to.match(isShared ? /^no server named 'canvas-/ : /./);
      expect(runs[2]?.selection.endpoint).to.match(/^ws:\/\/127\.0\.0\.1:\d+\/canvas$/);
      expect(code).to.equal(0);
      expect(readdirSync(temporary)).to.be.empty;
    });
  }

  it('prints a table of at most 80 columns, and a line for each run without a terminal', async () => {
    const { code, stdout, stderr } = await start('--file', fileOf(1)).outcome;
    // No message was lost, and the file arrived.
    expect(code).to.equal(0);
    for (const line of stdout.split('\n')) expect(line.length, line).to.be.at.most(80);
    expect(stdout).to.contain('shared-memory was passed over');
    expect(stderr.trim().split('\n')).to.have.length(3);
    expect(stderr).to.not.contain('\r');
  });

  const wrong: [argv: string[], given: string][] = [
    [['--file', '/nowhere/at/all'], "'/nowhere/at/all'"],
    [['--file', ''], 'an empty path'],
    [['--file', tmpdir()], 'a directory'],
    [['--file'], 'without a path'],
    [['--json=yes'], "'yes'"],
    [['--nats=yes'], "'yes'"],
    [['--speed'], "'--speed'"],
    [['extra'], "'extra'"],
  ];
  for (const [argv, given] of wrong) {
    it(`answers ${JSON.stringify(argv)} with one sentence and exit code 2`, async () => {
      const { code, stdout, stderr } = await start(...argv).outcome;
      expect(code).to.equal(2);
      expect(stdout).to.equal('');
      expect(stderr.trim().split('\n')).to.have.length(1);
      expect(stderr).to.contain(given).and.to.contain('allowed');
    });
  }

  it('prints its help', async () => {
    const { code, stdout, stderr } = await start('--help').outcome;
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout).to.contain('--file').and.to.contain('--json');
  });

  // The test inspects the end of the other processes only if the system lists the children of a process in a file.
  if (process.platform === 'linux') {
    /** Waits for the engine and the editor, and returns their process ids. */
    const childrenOf = async (program: ChildProcess): Promise<{ engine: number; editor: number }> => {
      const id = program.pid ?? 0;
      for (;;) {
        const children = readFileSync(`/proc/${id}/task/${id}/children`, 'utf8').trim().split(' ').map(Number);
        const idOf = (name: string): number | undefined => children.find((child) => commandOf(child).includes(name));
        const engine = idOf('/engine.js');
        const editor = idOf('/editor.js');
        if (engine !== undefined && editor !== undefined) return { engine, editor };
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const commandOf = (id: number): string => {
      try {
        return readFileSync(`/proc/${id}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    };
    const openFilesOf = (id: number): string[] =>
      readdirSync(`/proc/${id}/fd`).map((name) => {
        try {
          return readlinkSync(`/proc/${id}/fd/${name}`);
        } catch {
          return '';
        }
      });
    const areGone = async (...ids: number[]): Promise<void> => {
      while (ids.some((id) => commandOf(id) !== '')) await new Promise((resolve) => setTimeout(resolve, 5));
    };

    for (const name of ['engine', 'editor'] as const) {
      it(`ends with one sentence when the ${name} is killed, and leaves nothing behind`, async () => {
        const { program, outcome } = start('--json');
        const children = await childrenOf(program);
        process.kill(children[name], 'SIGKILL');
        const { code, stdout, stderr } = await outcome;
        expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
        expect(stderr).to.match(/^The (engine|editor) process .+\.\n$/);
        await areGone(children.engine, children.editor);
        expect(readdirSync(temporary)).to.be.empty;
      });
    }

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`leaves nothing behind after ${signal}, even when the engine hangs`, async () => {
        const { program, outcome } = start('--json');
        const children = await childrenOf(program);
        process.kill(children.engine, 'SIGSTOP');
        program.kill(signal);
        expect(await outcome).to.deep.equal({ code: 1, stdout: '', stderr: `Interrupted by ${signal}.\n` });
        await areGone(children.engine, children.editor);
        expect(readdirSync(temporary)).to.be.empty;
      });
    }

    it('ends its processes when it is killed itself', async () => {
      const { program, outcome } = start('--json');
      const children = await childrenOf(program);
      program.kill('SIGKILL');
      await outcome;
      await areGone(children.engine, children.editor);
    });

    it('reports a file that becomes shorter during the upload', async () => {
      const file = join(folder, 'large');
      writeFileSync(file, '');
      // Holes take no space on the disk.
      truncateSync(file, 1_500_000_000);
      const { program, outcome } = start('--json', '--file', file);
      const { editor } = await childrenOf(program);
      while (!openFilesOf(editor).includes(file)) await new Promise((resolve) => setTimeout(resolve, 5));
      truncateSync(file, 10);
      const { code, stdout, stderr } = await outcome;
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
      expect(stderr).to.contain('became shorter');
    });
  }
});
