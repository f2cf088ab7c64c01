import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FOLDERS,
  type Manifest,
  pack,
  packedIn,
  type PackedPackage,
  type PackedPackages,
  readManifest,
  ROOT,
} from './packing.js';
import { type Outcome, runNpm, type RunOptions, runProgram, succeeded } from './run-program.js';

export type { Manifest } from './packing.js';
export { type Outcome, succeeded } from './run-program.js';

/** The package that few users install, because it contains the compared libraries. */
export const BENCHMARKS = '@entropynet/benchmarks';

/** The manifests of the packages that are published. */
export const manifests: readonly Manifest[] = FOLDERS.map((folder) => readManifest(join(ROOT, folder))).sort(
  (left, right) => left.name.localeCompare(right.name),
);

let packing: Promise<PackedPackages> | undefined;

/** A folder outside of the workspace, in which its packages are packed and installed. */
export class Workbench {
  readonly #prefix: string;
  #folder: string | undefined;
  #packages: PackedPackages = new Map();

  /** @param prefix the beginning of the folder's name */
  constructor(prefix = 'entropynet-packages-') {
    this.#prefix = prefix;
  }

  /** The folder. The first use makes it, because mocha may leave out all tests of a file. */
  get folder(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), this.#prefix));
    return this.#folder;
  }

  /**
   * Makes the packages available: those in the folder that ENTROPYNET_PACKED names, or else newly packed ones. Packing
   * takes a minute, so the first caller of the process does it for all.
   */
  async packAll(): Promise<void> {
    packing ??= packOnce();
    this.#packages = await packing;
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

  npm(parameters: readonly string[], options: Partial<RunOptions>): Promise<Outcome> {
    return runNpm(parameters, { folder: this.folder, ...options });
  }

  /** Runs a program to its end, without the workspace's own settings. */
  run(command: string, parameters: readonly string[], options: Partial<RunOptions> = {}): Promise<Outcome> {
    return runProgram(command, parameters, { folder: this.folder, ...options });
  }

  dispose(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function packOnce(): Promise<PackedPackages> {
  const given = process.env['ENTROPYNET_PACKED'];
  if (given !== undefined) return packedIn(given);
  // Its folder goes with the process, so its name is none that the tests must remove.
  const packer = new Workbench('packed-');
  process.once('exit', () => {
    packer.dispose();
  });
  await pack(packer.folder);
  return packedIn(packer.folder);
}
