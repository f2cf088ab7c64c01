import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runNpm, runProgram, succeeded } from './run-program.js';

export const ROOT = resolve(import.meta.dirname, '../../..');

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

/** By the name of the package. */
export type PackedPackages = ReadonlyMap<string, PackedPackage>;

/** The addon that is packed. */
export interface Prebuilt {
  readonly file: string;
  /** Its path below `prebuilds`. */
  readonly path: string;
}

/** The part of `scripts/workspace.mjs` that the tests use. */
interface Workspace {
  publishedFolders(): readonly string[];
}

const { publishedFolders } = (await import(pathToFileURL(join(ROOT, 'scripts', 'workspace.mjs')).href)) as Workspace;

/** The folders of the packages that are published. */
export const FOLDERS = publishedFolders();

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** The list of packed packages in their folder. Its paths are relative, because another system may read it. */
const LIST = 'packed.json';

/**
 * Packs each package into a folder.
 *
 * @param prebuilt the addon to ship; if it is undefined, one for this machine is built
 */
export async function pack(into: string, prebuilt?: Prebuilt): Promise<void> {
  const list: PackedPackage[] = [];
  for (const folder of FOLDERS) {
    const stage = join(into, 'stage', folder);
    cpSync(join(ROOT, folder), stage, {
      recursive: true,
      filter: (path) => !['node_modules', 'build', 'prebuilds'].includes(path.slice(dirname(path).length + 1)),
    });
    if (existsSync(join(stage, 'native', 'binding.gyp'))) await addAddon(stage, prebuilt);
    const { stdout } = succeeded(await runNpm(['pack', '--json', '--pack-destination', into], { folder: stage }));
    const [packed] = JSON.parse(stdout) as [{ filename: string; size: number; files: { path: string }[] }];
    const unpacked = join('unpacked', folder);
    mkdirSync(join(into, unpacked), { recursive: true });
    const tar = ['xzf', join(into, packed.filename), '--strip-components=1'];
    succeeded(await runProgram('tar', tar, { folder: join(into, unpacked) }));
    list.push({
      manifest: readManifest(stage),
      tarball: packed.filename,
      packedBytes: packed.size,
      files: packed.files.map(({ path }) => path),
      folder: unpacked,
    });
  }
  writeFileSync(join(into, LIST), JSON.stringify(list));
}

async function addAddon(stage: string, prebuilt: Prebuilt | undefined): Promise<void> {
  if (prebuilt !== undefined) {
    cpSync(prebuilt.file, join(stage, 'prebuilds', prebuilt.path));
    return;
  }
  const script = join(ROOT, 'scripts', 'prebuild.mjs');
  succeeded(await runProgram(process.execPath, [script, stage], { folder: stage }));
}

/** Returns the packages that `pack` has put into a folder. */
export function packedIn(folder: string): PackedPackages {
  const list = JSON.parse(readFileSync(join(folder, LIST), 'utf8')) as readonly PackedPackage[];
  const placed = list.map((each) => ({
    ...each,
    tarball: join(folder, each.tarball),
    folder: join(folder, each.folder),
  }));
  return new Map(placed.map((each) => [each.manifest.name, each]));
}
