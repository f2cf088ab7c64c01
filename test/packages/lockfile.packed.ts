import { expect } from 'chai';
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCHMARKS, manifests, succeeded, Workbench } from './workbench.js';

/** The releases of npm that come with the supported releases of Node.js. */
const NPM_MAJORS = [10, 11];

interface InstalledPackages {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
}

describe('the packages, installed from a lockfile', function () {
  this.timeout(300_000);

  const workbench = new Workbench();
  /** A PATH with nothing but Node.js: no Python, no make, no compiler, no shell. */
  let nodeAlone: string;

  before(async () => {
    await workbench.packAll();
    nodeAlone = workbench.emptyFolder('node-alone');
    symlinkSync(process.execPath, join(nodeAlone, 'node'));
  });

  after(() => {
    workbench.dispose();
  });

  for (const major of NPM_MAJORS) {
    it(`npm ci of npm ${major} needs only Node.js, runs no script and sends the first message`, async () => {
      const tool = workbench.newProject(`npm-${major}`);
      succeeded(await workbench.npm(['install', '--no-audit', '--no-fund', `npm@${major}`], { folder: tool }));
      const npm = join(tool, 'node_modules', 'npm', 'bin', 'npm-cli.js');
      const project = workbench.newProject(`locked-${major}`);
      const options = ['--no-audit', '--no-fund'];
      const names = manifests.map(({ name }) => name).filter((name) => name !== BENCHMARKS);
      const tarballs = names.map((name) => workbench.packed(name).tarball);
      const setting = { folder: project, environment: { PATH: nodeAlone } };
      succeeded(await workbench.run(process.execPath, [npm, 'install', ...options, ...tarballs], setting));

      rmSync(join(project, 'node_modules'), { recursive: true });
      succeeded(await workbench.run(process.execPath, [npm, 'ci', ...options], setting));

      const lockfile = readFileSync(join(project, 'package-lock.json'), 'utf8');
      const { packages } = JSON.parse(lockfile) as InstalledPackages;
      expect(packages).to.include.keys(names.map((name) => `node_modules/${name}`));
      const scripts = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
      expect(scripts.map(([path]) => path)).to.be.empty;
      const transport = join(project, 'node_modules', '@entropynet', 'transport-shm');
      for (const folder of ['build', join('native', 'build')]) {
        expect(existsSync(join(transport, folder)), folder).to.equal(false);
      }
      const program = join(project, 'backend.mjs');
      writeFileSync(
        program,
        `import { createNetworking, unwrap } from 'entropynet';
        const networking = await createNetworking();
        const endpoint = 'shm://locked-${major}-' + process.pid;
        const server = unwrap(networking.manager.createServer({ endpoint }));
        unwrap(await server.listen());
        const client = unwrap(networking.manager.openConnection({ endpoint }));
        unwrap(await client.connect());
        console.log(client.getBackend());
        await networking.close();`,
      );
      const { stdout } = succeeded(await workbench.run(process.execPath, [program], setting));
      expect(stdout).to.equal('shared-memory\n');
    });
  }
});
