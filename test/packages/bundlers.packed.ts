import { expect } from 'chai';
import { chmodSync, copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build as buildByVite } from 'vite';
import webpack from 'webpack';
import { bundled, FIRST_MESSAGE, type FirstMessage, prebuiltAddon } from './first-message.js';
import { BENCHMARKS, manifests, succeeded, Workbench } from './workbench.js';

const ADDON = 'shared-memory.node';

/** Loads the addon beside the program, if there is one, for the transport. */
const WITH_OWN_ADDON = `
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setNativeBinding } from 'entropynet';

const file = join(dirname(process.argv[1]), '${ADDON}');
if (existsSync(file)) {
  const addon = { exports: {} };
  process.dlopen(addon, file);
  setNativeBinding(addon.exports);
}
${FIRST_MESSAGE}`;

/** The same with the addon inside of the executable: the system's loader takes files only. */
const WITH_ASSET = `
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { setNativeBinding } from 'entropynet';

if (!isSea()) throw new Error('this is no single executable');
const folder = mkdtempSync(join(tmpdir(), 'program-'));
const file = join(folder, '${ADDON}');
writeFileSync(file, Buffer.from(getAsset('${ADDON}')));
const addon = { exports: {} };
process.dlopen(addon, file);
rmSync(folder, { recursive: true });
if (!setNativeBinding(addon.exports).ok) throw new Error('the addon was refused');
${FIRST_MESSAGE}`;

/** The mark in the file of Node.js by which Node.js finds an embedded program. */
const SENTINEL = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

describe('the packages, bundled', function () {
  this.timeout(600_000);

  const workbench = new Workbench();
  let project: string;
  let addon: string;

  before(async () => {
    await workbench.packAll();
    project = workbench.newProject('bundlers');
    await workbench.install(
      project,
      manifests.map(({ name }) => name).filter((name) => name !== BENCHMARKS),
    );
    addon = join(project, 'node_modules', '@entropynet', 'transport-shm', prebuiltAddon(workbench));
    writeFileSync(join(project, 'program.mjs'), WITH_OWN_ADDON);
  });

  after(() => {
    workbench.dispose();
  });

  /** For each bundler, a function that makes the bundle in a folder and returns its path. */
  const bundlers: Readonly<Record<string, (folder: string) => Promise<string>>> = {
    esbuild: async (folder) => {
      const file = join(folder, 'program.cjs');
      writeFileSync(file, await bundled(WITH_OWN_ADDON, project, 'cjs'));
      return file;
    },
    'Vite, for a server': async (folder) => {
      await buildByVite({
        root: project,
        configFile: false,
        logLevel: 'error',
        ssr: { noExternal: true },
        build: {
          ssr: 'program.mjs',
          outDir: folder,
          emptyOutDir: false,
          target: 'node20',
          rolldownOptions: { output: { entryFileNames: 'program.mjs' } },
        },
      });
      return join(folder, 'program.mjs');
    },
    webpack: (folder) =>
      new Promise((done, fail) => {
        const compiler = webpack({
          context: project,
          mode: 'production',
          target: 'node20',
          entry: './program.mjs',
          output: { path: folder, filename: 'program.cjs' },
        });
        compiler.run((error, stats) => {
          const { errors = [], warnings = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
          // `ws` requests two optional packages.
          const complaints = [...errors, ...warnings].filter(
            ({ message }) => !/bufferutil|utf-8-validate/.test(message),
          );
          if (error !== null) fail(error);
          else if (complaints.length > 0) fail(new Error(complaints.map(({ message }) => message).join('\n')));
          else done(join(folder, 'program.cjs'));
        });
      }),
  };

  for (const [name, bundle] of Object.entries(bundlers)) {
    describe(`by ${name}`, () => {
      let file: string;

      before(async () => {
        file = await bundle(workbench.emptyFolder(`by ${name}`));
      });

      it('use WebSocket without the addon, and give a remedy', async () => {
        // As on another machine, because webpack writes the folder of the package into the bundle.
        const prebuilds = join(project, 'node_modules', '@entropynet', 'transport-shm', 'prebuilds');
        renameSync(prebuilds, `${prebuilds}-elsewhere`);
        const { text, backend, reasons } = await run(process.execPath, [file]).finally(() => {
          renameSync(`${prebuilds}-elsewhere`, prebuilds);
        });
        expect([text, backend]).to.deep.equal(['hello', 'websocket']);
        expect(reasons.join()).to.contain('ENTROPYNET_ADDON_PATH').and.to.contain('setNativeBinding()');
      });

      it('use the addon that the program gives to setNativeBinding()', async () => {
        copyFileSync(addon, join(dirname(file), ADDON));
        expect(await run(process.execPath, [file])).to.have.property('backend', 'shared-memory');
      });
    });
  }

  it('run as a single executable, with the addon inside', async () => {
    const folder = workbench.emptyFolder('executable');
    const within = (name: string): string => join(folder, name);
    writeFileSync(within('program.cjs'), await bundled(WITH_ASSET, project, 'cjs'));
    const configuration = {
      main: within('program.cjs'),
      output: within('program.blob'),
      disableExperimentalSEAWarning: true,
      assets: { [ADDON]: addon },
    };
    writeFileSync(within('configuration.json'), JSON.stringify(configuration));
    succeeded(await workbench.run(process.execPath, ['--experimental-sea-config', within('configuration.json')]));
    const program = within('program');
    copyFileSync(process.execPath, program);
    chmodSync(program, 0o755);
    const inject = createRequire(import.meta.url).resolve('postject/dist/cli.js');
    const line = [program, 'NODE_SEA_BLOB', within('program.blob'), '--sentinel-fuse', SENTINEL];
    succeeded(await workbench.run(process.execPath, [inject, ...line]));
    expect(await run(program, [])).to.have.property('backend', 'shared-memory');
  });

  async function run(command: string, parameters: readonly string[]): Promise<FirstMessage> {
    return JSON.parse(succeeded(await workbench.run(command, parameters)).stdout) as FirstMessage;
  }
});
