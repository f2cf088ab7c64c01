import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../../..');

/** The keys of `package.json` that the tests read. */
export interface Manifest {
  readonly name: string;
  /** The entry points. A program has none. */
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly config?: { readonly maxPackedKiB?: number };
  readonly scripts?: Readonly<Record<string, string>>;
}

/** A packed package. */
export interface PackedPackage {
  readonly manifest: Manifest;
  readonly tarball: string;
  /** The length of the tarball, in bytes. */
  readonly packedBytes: number;
  /** The paths of the files in it. */
  readonly files: readonly string[];
  /** The folder with its unpacked files. */
  readonly folder: string;
}

/** The end of a program. */
export interface Outcome {
  /** Undefined if a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** The part of `scripts/workspace.mjs` that the tests use. */
interface Workspace {
  publishedFolders(): readonly string[];
}

const { publishedFolders } = (await import(pathToFileURL(join(ROOT, 'scripts', 'workspace.mjs')).href)) as Workspace;

/** The folders of the packages that are published. */
const FOLDERS = publishedFolders();

/** The package that few users install, because it contains the compared libraries. */
export const BENCHMARKS = '@entropynet/benchmarks';

/** The manifests of the packages that are published. */
export const manifests: readonly Manifest[] = FOLDERS.map((folder) => readManifest(join(ROOT, folder))).sort(
  (left, right) => left.name.localeCompare(right.name),
);

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

let packing: Promise<ReadonlyMap<string, PackedPackage>> | undefined;

/** A folder outside of the workspace, in which its packages are packed and installed. */
export class Workbench {
  readonly #prefix: string;
  #folder: string | undefined;
  #packages: ReadonlyMap<string, PackedPackage> = new Map();

  /** @param prefix the beginning of the folder's name */
  constructor(prefix = 'entropynet-packages-') {
    this.#prefix = prefix;
  }

  /** The folder. The first use makes it, because mocha may leave out all tests of a file. */
  get folder(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), this.#prefix));
    return this.#folder;
  }

  /** Makes the packages available. Packing takes a minute, so the first caller of the process does it for all. */
  async packAll(): Promise<void> {
    if (packing === undefined) {
      // Its folder goes with the process, so its name is none that the tests must remove.
      const packer = new Workbench('packed-');
      process.once('exit', () => {
        packer.dispose();
      });
      packing = packer.#pack();
    }
    this.#packages = await packing;
  }

  /** Packs each package; the one with the addon gets a prebuilt one first. */
  async #pack(): Promise<ReadonlyMap<string, PackedPackage>> {
    const packages = new Map<string, PackedPackage>();
    for (const folder of FOLDERS) {
      const stage = join(this.folder, 'stage', folder);
      cpSync(join(ROOT, folder), stage, {
        recursive: true,
        filter: (path) => !['node_modules', 'build', 'prebuilds'].includes(path.slice(dirname(path).length + 1)),
      });
      if (existsSync(join(stage, 'native', 'binding.gyp'))) {
        succeeded(await this.run(process.execPath, [join(ROOT, 'scripts', 'prebuild.mjs'), stage]));
      }
      const { stdout } = succeeded(
        await this.npm(['pack', '--json', '--pack-destination', this.folder], { folder: stage }),
      );
      const [packed] = JSON.parse(stdout) as [{ filename: string; size: number; files: { path: string }[] }];
      const manifest = readManifest(stage);
      const tarball = join(this.folder, packed.filename);
      const unpacked = this.emptyFolder(join('unpacked', folder));
      succeeded(await this.run('tar', ['xzf', tarball, '--strip-components=1'], { folder: unpacked }));
      packages.set(manifest.name, {
        manifest,
        tarball,
        packedBytes: packed.size,
        files: packed.files.map(({ path }) => path),
        folder: unpacked,
      });
    }
    return packages;
  }

  packed(name: string): PackedPackage {
    const found = this.#packages.get(name);
    if (found === undefined) throw new Error(`${name} was not packed`);
    return found;
  }

  /** An empty project. */
  newProject(name: string): string {
    const project = this.emptyFolder(name);
    writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true }\n');
    return project;
  }

  /** Installs packages as a user would. */
  async install(project: string, names: readonly string[], fromRegistry: readonly string[] = []): Promise<void> {
    const tarballs = names.map((name) => this.packed(name).tarball);
    const options = ['install', '--no-audit', '--no-fund'];
    succeeded(await this.npm([...options, ...tarballs, ...fromRegistry], { folder: project }));
  }

  /** A package with those of this repository that it needs, all of which a user would get from the registry. */
  withOwnDependencies(name: string): string[] {
    const { dependencies = {} } = this.packed(name).manifest;
    const own = Object.keys(dependencies).filter((each) => this.#packages.has(each));
    return [...new Set([name, ...own.flatMap((each) => this.withOwnDependencies(each))])];
  }

  emptyFolder(name: string): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  npm(parameters: readonly string[], options: RunOptions): Promise<Outcome> {
    const script = process.env['npm_execpath'];
    if (script !== undefined) return this.run(process.execPath, [script, ...parameters], options);
    return this.run('npm', parameters, options);
  }

  /** Runs a program to its end, without the workspace's own settings. */
  run(
    command: string,
    parameters: readonly string[],
    { folder = this.folder, environment = {} }: RunOptions = {},
  ): Promise<Outcome> {
    // The environment that npm set for this workspace must not reach the projects here.
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(?:npm_(?:lifecycle|package|config_local_prefix)|NODE_OPTIONS$|INIT_CWD$)/.test(name),
    );
    const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
    const env = { ...Object.fromEntries(inherited), PATH: path.join(delimiter), ...environment };
    return new Promise((done) => {
      execFile(command, parameters, { cwd: folder, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : undefined, stdout, stderr });
      });
    });
  }

  dispose(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface RunOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Returns the outcome of a successful program. Otherwise throws an error with its output. */
export function succeeded(outcome: Outcome): Outcome {
  if (outcome.code === 0) return outcome;
  throw new Error(`a program ended with code ${String(outcome.code)}:\n${outcome.stdout}\n${outcome.stderr}`);
}
