import { expect } from 'chai';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCHMARKS, manifests, succeeded, Workbench } from './workbench.js';
import { leaveOut } from '../support/leave-out.js';

const MEGABYTE = 1_000_000;

/** The limits for `npm install entropynet`, with the addon of one system and with those of all systems. */
const MAX_PACKAGES = 18;
const MAX_BYTES = 14 * MEGABYTE;
const MAX_BYTES_WITH_ALL_ADDONS = 17 * MEGABYTE;

/** Linux with glibc and with musl, macOS and Windows, each for x64 and arm64. */
const ADDONS = 8;

/** The heap of a process on Node.js 20 that has imported `entropynet` and collected its garbage. */
const MAX_HEAP_BYTES = 8 * MEGABYTE;

/** The number of processes whose median counts: single ones differ by up to 150 kilobytes. */
const PROCESSES = 5;

/** Packages that only a compiler or a build needs. */
const NOT_FOR_RUNNING = /^(?:@types\/|node-addon-api$)/;

describe('the weight of entropynet', function () {
  this.timeout(300_000);

  const workbench = new Workbench();
  let project: string;

  before(async () => {
    await workbench.packAll();
    project = workbench.newProject('weight');
    await workbench.install(project, workbench.withOwnDependencies('entropynet'));
  });

  after(() => {
    workbench.dispose();
  });

  it('has only the packages that it needs to run', () => {
    const names = installedPackages(project);
    expect(names).to.include('entropynet');
    expect(names.filter((name) => NOT_FOR_RUNNING.test(name))).to.be.empty;
    expect(names.length, names.join(', ')).to.be.at.most(MAX_PACKAGES);
  });

  it('is small on the disk', () => {
    const bytes = bytesBelow(join(project, 'node_modules'));
    const addon = bytesBelow(join(project, 'node_modules', '@entropynet', 'transport-shm', 'prebuilds'));
    expect(addon).to.be.above(0);
    expect(bytes).to.be.at.most(MAX_BYTES);
    expect(bytes + (ADDONS - 1) * addon).to.be.at.most(MAX_BYTES_WITH_ALL_ADDONS);
  });

  it('is small in memory, once it is imported', async function () {
    if (!process.version.startsWith('v20.')) leaveOut(this, 'the limit is for Node.js 20');
    const program = join(project, 'heap.mjs');
    writeFileSync(program, `await import('entropynet'); gc(); console.log(process.memoryUsage().heapUsed);`);
    const heaps: number[] = [];
    for (let count = 0; count < PROCESSES; count += 1) {
      const args = ['--expose-gc', program];
      heaps.push(Number(succeeded(await workbench.run(process.execPath, args, { folder: project })).stdout));
    }
    const heap = heaps.sort((a, b) => a - b)[(PROCESSES - 1) / 2] ?? Infinity;
    process.stdout.write(`      heap after import and gc(): ${(heap / MEGABYTE).toFixed(2)} MB\n`);
    expect(heap).to.be.within(MEGABYTE, MAX_HEAP_BYTES);
  });

  it('has no types of others among the dependencies of any package', () => {
    for (const { name, dependencies = {} } of manifests.filter(({ name }) => name !== BENCHMARKS)) {
      const wrong = Object.keys(dependencies).filter((each) => NOT_FOR_RUNNING.test(each));
      expect(wrong, name).to.be.empty;
    }
  });
});

/** The names of the packages that npm installed. */
function installedPackages(project: string): string[] {
  const lockfile = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, unknown>>;
  };
  const paths = Object.keys(lockfile.packages).filter((path) => path !== '');
  return paths.map((path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
}

function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((bytes, { parentPath, name }) => bytes + statSync(join(parentPath, name)).size, 0);
}
