import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { type Block, ROOT } from './pages.js';

/** Far longer than any block takes. A block that reaches this limit hangs. */
const DEADLINE_MS = 60_000;

/** A program: a block with the blocks that continue it. */
export interface Program {
  /** The first block. */
  readonly block: Block;
  /** The code of all its blocks. */
  code: string;
  /** The output that the page shows; undefined if it shows none. */
  prints: string | undefined;
  /** The reason for not running it; undefined if the test runs it. */
  readonly notRun: string | undefined;
}

/** The end of a program. */
export interface Outcome {
  /** Undefined if a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Joins the blocks of a page that belong together. Throws for a block that follows nothing. */
export function programsOf(blocks: readonly Block[]): Program[] {
  const programs: Program[] = [];
  let last: Program | undefined;
  for (const block of blocks) {
    const isContinued = block.markers.has('continues');
    const isPrinted = block.markers.has('prints');
    if ((isContinued || isPrinted) && last === undefined)
      throw new Error(`${placeOf(block)}: there is nothing before it`);
    if (isPrinted) last!.prints = (last!.prints ?? '') + block.code;
    else if (isContinued) last!.code += block.code;
    else if (isProgram(block)) {
      last = { block, code: block.code, prints: undefined, notRun: block.markers.get('not run') };
      programs.push(last);
    }
  }
  return programs;
}

/** A quoted block compiles in its source file. If it is also a file of its page, other blocks need it here. */
function isProgram({ language, markers }: Block): boolean {
  return ['js', 'ts', 'sh'].includes(language) && (markers.has('file') || !markers.has('quoted from'));
}

/** The place of a block, in the form that editors open. */
export function placeOf({ page, line }: Block): string {
  return `${page}:${line}`;
}

/** A temporary folder in which the programs of all pages compile and run, like the programs of a user. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'en-docs-'));
  readonly #complaints = new Map<string, string[]>();
  readonly #ports = new Map<string, number>();
  #runs = 0;

  constructor() {
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'), 'junction');
    this.#write('package.json', '{ "type": "module" }');
    // Runtimes on which this repository does not depend.
    this.#write('runtimes.d.ts', "declare module 'electron';\n");
  }

  /** Writes the programs and compiles those in TypeScript, all in one go. */
  async prepare(programs: readonly Program[]): Promise<void> {
    for (const program of programs) program.code = await this.#withFreePorts(program.code);
    const sources = programs.filter(({ block }) => block.language !== 'sh');
    for (const program of sources) this.#write(this.#fileOf(program), program.code);
    const roots = sources.filter(({ block }) => block.language === 'ts').map((program) => this.#fileOf(program));
    this.#compile([...roots, 'runtimes.d.ts'].map((file) => join(this.folder, file)));
    for (const program of sources.filter(({ block }) => block.language === 'js')) {
      const { diagnostics = [] } = ts.transpileModule(program.code, { reportDiagnostics: true, fileName: 'block.js' });
      this.#complaints.set(
        this.#fileOf(program),
        diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
      );
    }
  }

  /** The errors of the compiler about a program, with the line of the page. */
  complaintsAbout(program: Program): readonly string[] {
    return this.#complaints.get(this.#fileOf(program)) ?? [];
  }

  /** Runs a program in a separate process. */
  async run(program: Program): Promise<Outcome> {
    const { block } = program;
    const cwd = join(this.folder, folderOf(block));
    mkdirSync(cwd, { recursive: true });
    const [command, ...parameters] =
      block.language === 'sh'
        ? ['bash', '-euc', program.code]
        : [process.execPath, join(this.folder, this.#fileOf(program)).replace(/\.ts$/, '.js')];
    // The pages use common server names, so each program has a separate directory. Its name is short, because the path
    // of a local socket is limited.
    this.#runs += 1;
    const runtime = join(this.folder, String(this.#runs));
    mkdirSync(runtime, { mode: 0o700 });
    const child = spawn(command, parameters, {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_DEBUG: '', XDG_RUNTIME_DIR: runtime },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()));
    child.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()));
    const endGroup = (): void => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // The whole group has ended.
      }
    };
    const deadline = setTimeout(endGroup, DEADLINE_MS);
    try {
      const code = await new Promise<number | null>((resolve, reject) => {
        child.once('error', reject).once('close', resolve);
      });
      return { code: code ?? undefined, ...output };
    } finally {
      clearTimeout(deadline);
      endGroup();
    }
  }

  /** Removes the folder. */
  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Replaces the ports in the pages by free ones, because other programs may use them. */
  async #withFreePorts(code: string): Promise<string> {
    for (const [, port = ''] of code.matchAll(/127\.0\.0\.1:([1-9]\d*)/g)) {
      if (!this.#ports.has(port)) this.#ports.set(port, await freePort());
    }
    return code.replaceAll(/(?<=127\.0\.0\.1:)[1-9]\d*/g, (port) => String(this.#ports.get(port)));
  }

  #fileOf({ block }: Program): string {
    return join(folderOf(block), block.markers.get('file') ?? `line-${block.line}.${block.language}`);
  }

  #write(path: string, text: string): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  #compile(rootNames: string[]): void {
    const program = ts.createProgram(rootNames, {
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      moduleDetection: ts.ModuleDetectionKind.Force,
      typeRoots: [join(ROOT, 'node_modules', '@types')],
      types: ['node'],
      strict: true,
      skipLibCheck: true,
    });
    const { diagnostics } = program.emit();
    for (const { file, start, messageText } of [...ts.getPreEmitDiagnostics(program), ...diagnostics]) {
      const path = file === undefined ? '' : file.fileName.slice(this.folder.length + 1);
      const line = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line;
      const complaint = `line ${line + 1} of the block: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      this.#complaints.set(path, [...(this.#complaints.get(path) ?? []), complaint]);
    }
    const general = this.#complaints.get('');
    if (general !== undefined) throw new Error(general.join('\n'));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function folderOf({ page }: Block): string {
  return page.replace(/\.md$/, '').replaceAll('/', '-');
}
