import { expect } from 'chai';
import { build } from 'esbuild';
import { copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';
import { bundled, FIRST_MESSAGE, type FirstMessage, prebuiltAddon } from './first-message.js';
import { BENCHMARKS, type Manifest, manifests, type Outcome, succeeded, Workbench } from './workbench.js';

/** The packages of others that entry points need and that a program installs by itself. */
const OPTIONAL_PEERS = ['msgpackr@2.1.3'];

/** Packages that users run and do not import. */
const WITH_SIDE_EFFECTS = new Set(['@entropynet/inspector/register']);

/** The compressed size of the code in a page, in bytes: for a connection only, and also with a manager and requests. */
const PAGE_BUDGETS: Readonly<Record<string, number>> = {
  "import { WebSocketConnection } from '@entropynet/transport-ws/browser'; console.log(WebSocketConnection);":
    50 * 1024,
  "import { NatsConnection } from '@entropynet/transport-nats'; console.log(NatsConnection);": 90 * 1024,
  [`import { createNetworking } from '@entropynet/manager';
    import { webSocketTransportModule } from '@entropynet/transport-ws/browser';
    import { requestReply } from '@entropynet/messaging';
    console.log(createNetworking, webSocketTransportModule, requestReply);`]: 90 * 1024,
};

/** The name of each public entry point of a package. */
function entryPointsOf({ name, exports }: Manifest): string[] {
  const paths = Object.keys(exports).filter((path) => !path.includes('*') && path !== './package.json');
  return paths.map((path) => name + path.slice(1));
}

const entryPoints = manifests.flatMap(entryPointsOf);

describe('the packages, installed', function () {
  this.timeout(300_000);

  const workbench = new Workbench();
  let project: string;
  /** The folder of the package with the addon. */
  let transport: string;

  before(async () => {
    await workbench.packAll();
    project = workbench.newProject('project');
    await workbench.install(
      project,
      manifests.map(({ name }) => name).filter((name) => name !== BENCHMARKS),
      OPTIONAL_PEERS,
    );
    transport = join(project, 'node_modules', '@entropynet', 'transport-shm');
    writeFileSync(join(project, 'first-message.mjs'), FIRST_MESSAGE);
  });

  after(() => {
    workbench.dispose();
  });

  async function firstMessage(file: string, environment: Record<string, string> = {}): Promise<FirstMessage> {
    const outcome = await workbench.run(process.execPath, [file], { folder: dirname(file), environment });
    return JSON.parse(succeeded(outcome).stdout) as FirstMessage;
  }

  function evaluate(code: string, type: 'module' | 'commonjs'): Promise<Outcome> {
    return workbench.run(process.execPath, [`--input-type=${type}`, '-e', code], { folder: project });
  }

  it('are imported and required, with the same names', async () => {
    const list = JSON.stringify(entryPoints);
    const names = `for (const entry of ${list}) console.log(entry, Object.keys(LOAD(entry)).filter((name) => name !== '__esModule').sort().join());`;
    const imported = succeeded(await evaluate(names.replace('LOAD', 'await import'), 'module'));
    const required = succeeded(await evaluate(names.replace('LOAD', 'require'), 'commonjs'));
    expect(imported.stdout.trim().split('\n')).to.have.length(entryPoints.length);
    expect(required.stdout).to.equal(imported.stdout);
  });

  for (const [module, moduleResolution] of [
    [ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext],
    [ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
  ] as const) {
    it(`have types with which a program compiles, resolved as ${ts.ModuleResolutionKind[moduleResolution]}`, () => {
      const file = join(project, 'program.mts');
      const imports = entryPoints.map((entry, index) => `import * as entry${index} from '${entry}';`);
      const uses = `
        import { createNetworking, type ConnectionState, type Result, NetworkError } from 'entropynet';
        const { manager } = await createNetworking();
        const opened = manager.openConnection({ endpoint: 'x' });
        if (opened.ok) {
          const state: ConnectionState = opened.value.getState();
          const sent: Result = opened.value.trySend(new Uint8Array(1));
          const code: string = sent.ok ? state : (sent.error satisfies NetworkError).code;
          console.log(code, ${entryPoints.map((_entry, index) => `entry${index}`).join()});
          // @ts-expect-error a message is bytes
          opened.value.trySend(1);
        }`;
      writeFileSync(file, `${imports.join('\n')}\n${uses}`);
      const program = ts.createProgram([file], {
        module,
        moduleResolution,
        target: ts.ScriptTarget.ES2023,
        lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
        types: ['node'],
        typeRoots: [join(import.meta.dirname, '../../../node_modules/@types')],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        // The declarations of our own packages are checked; how those of others are written is not ours.
        skipLibCheck: false,
      });
      const complaints = ts
        .getPreEmitDiagnostics(program)
        .filter(
          ({ file: where }) => where === undefined || /node_modules\/@?entropynet\/|program\.mts$/.test(where.fileName),
        )
        .map(({ file: where, messageText }) => {
          return `${where?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
        });
      expect(complaints.join('\n')).to.equal('');
    });
  }

  it('leave nothing in a bundle that imports them and uses nothing', async () => {
    for (const entry of entryPoints.filter((each) => !WITH_SIDE_EFFECTS.has(each))) {
      expect(await bundled(`import * as all from '${entry}';`, project, 'esm', true), entry).to.have.length(0);
    }
  });

  it('leave unused code out of a bundle', async () => {
    const code = await bundled(
      `import { toDuplex } from '@entropynet/streams'; console.log(toDuplex);`,
      project,
      'esm',
      true,
    );
    // A sentence of the configuration schemas, which a stream does not need.
    expect(code).to.contain('Duplex').and.to.not.contain('a list is allowed');
    expect(code.length).to.be.at.most(18 * 1024);
  });

  it('go into a page without anything of Node.js', async () => {
    for (const [program, budget] of Object.entries(PAGE_BUDGETS)) {
      const { outputFiles, metafile } = await build({
        stdin: { contents: program, resolveDir: project },
        bundle: true,
        minify: true,
        platform: 'browser',
        format: 'esm',
        write: false,
        metafile: true,
        logLevel: 'error',
      });
      const inputs = Object.keys(metafile.inputs).filter((input) =>
        /node_modules\/(?:ws|@types|@nats-io\/transport-node)\//.test(input),
      );
      expect(inputs).to.be.empty;
      expect(gzipSync(outputFiles[0]?.contents ?? '').length, program).to.be.within(1024, budget);
    }
  });

  it('are a command', async () => {
    const outcome = await workbench.npm(['exec', '--offline', '--', 'entropynet', 'doctor', '--json'], {
      folder: project,
    });
    const findings = JSON.parse(succeeded(outcome).stdout) as { what: string; judgement: string }[];
    expect(findings.filter(({ judgement }) => judgement === 'problem')).to.be.empty;
  });

  it('measure with the package of benchmarks', async () => {
    const line = ['exec', '--offline', '--', 'entropynet', 'bench', '--only', 'round-trip', '--subjects', 'ws'];
    const without = await workbench.npm(line, { folder: project });
    expect(without.code).to.equal(1);
    expect(without.stderr).to.contain(`run "npm install ${BENCHMARKS}" first`);
    await workbench.install(project, [BENCHMARKS]);
    const { stdout } = succeeded(await workbench.npm([...line, '--rounds', '1'], { folder: project }));
    expect(stdout).to.match(/\nws +[\d.]+ µs/);
  });

  it('send the first message through shared memory, with the prebuilt addon', async () => {
    expect(existsSync(join(transport, 'build'))).to.equal(false);
    const { text, backend } = await firstMessage(join(project, 'first-message.mjs'));
    expect([text, backend]).to.deep.equal(['hello', 'shared-memory']);
  });

  it('try the addon for the other C library if the first does not load', async () => {
    const addon = join(transport, prebuiltAddon(workbench));
    const other = addon.includes('.glibc.') ? addon.replace('.glibc.', '.musl.') : addon.replace('.musl.', '.glibc.');
    renameSync(addon, other);
    writeFileSync(addon, 'for another C library');
    try {
      expect(await firstMessage(join(project, 'first-message.mjs'))).to.have.property('backend', 'shared-memory');
      renameSync(other, `${other}.kept`);
      const { backend, reasons } = await firstMessage(join(project, 'first-message.mjs'));
      expect(backend).to.equal('websocket');
      expect(reasons.join()).to.contain('could not be loaded');
    } finally {
      renameSync(existsSync(other) ? other : `${other}.kept`, addon);
    }
  });

  describe('in a bundle', () => {
    let bundle: string;

    before(async () => {
      bundle = workbench.emptyFolder('bundle');
      for (const [format, file] of [
        ['esm', 'program.mjs'],
        ['cjs', 'program.cjs'],
      ] as const) {
        // Former CommonJS modules load modules of Node.js by `require`.
        const banner =
          format === 'esm'
            ? `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);\n`
            : '';
        writeFileSync(join(bundle, file), banner + (await bundled(FIRST_MESSAGE, project, format)));
      }
      copyFileSync(join(transport, prebuiltAddon(workbench)), join(bundle, 'shared-memory.node'));
    });

    for (const file of ['program.mjs', 'program.cjs']) {
      it(`use the addon that the environment names (${file})`, async () => {
        const environment = { ENTROPYNET_ADDON_PATH: 'shared-memory.node' };
        expect(await firstMessage(join(bundle, file), environment)).to.have.property('backend', 'shared-memory');
      });

      it(`use WebSocket without one, and give the reason (${file})`, async () => {
        const { text, backend, reasons } = await firstMessage(join(bundle, file));
        expect([text, backend]).to.deep.equal(['hello', 'websocket']);
        expect(reasons.join()).to.contain('the native addon of @entropynet/transport-shm could not be loaded');
      });
    }

    it('report the fault of the addon that the environment names', async () => {
      for (const [path, complaint] of [
        [
          'nowhere.node',
          /^the addon that ENTROPYNET_ADDON_PATH names, "nowhere.node", could not be loaded \(.*nowhere/,
        ],
        ['program.cjs', /^the addon that ENTROPYNET_ADDON_PATH names, "program.cjs", could not be loaded \(.*program/],
      ] as const) {
        const { backend, reasons } = await firstMessage(join(bundle, 'program.mjs'), { ENTROPYNET_ADDON_PATH: path });
        expect(backend).to.equal('websocket');
        expect(reasons.join()).to.match(complaint);
      }
    });
  });

  describe('without a fitting prebuilt addon', () => {
    before(() => {
      renameSync(join(transport, 'prebuilds'), join(transport, 'prebuilds-of-others'));
    });

    it('use WebSocket and give a remedy', async () => {
      const { text, backend, reasons } = await firstMessage(join(project, 'first-message.mjs'));
      expect([text, backend]).to.deep.equal(['hello', 'websocket']);
      expect(reasons.join()).to.contain('No native build was found').and.to.contain('npx entropynet-build-addon');
    });

    it('name in one sentence the missing tools of the build', async () => {
      const environment = { PATH: workbench.emptyFolder('no-tools'), CXX: '' };
      const script = join(transport, 'bin', 'entropynet-build-addon.mjs');
      const outcome = await workbench.run(process.execPath, [script], { folder: project, environment });
      expect(outcome.code).to.equal(1);
      expect(outcome.stderr).to.match(/\nNo Python was found, so .*: install .* and run the command again\.\n$/);
      const wrong = await workbench.run(process.execPath, [script, '--fast'], { folder: project });
      expect([wrong.code, wrong.stderr]).to.deep.equal([2, wrong.stderr]);
      expect(wrong.stderr).to.contain("'--fast'").and.to.contain('Usage: npx entropynet-build-addon');
    });

    it('report in one sentence that the headers for the build are missing', async () => {
      // The benchmarks contain some, for another library.
      rmSync(join(project, 'node_modules', 'node-addon-api'), { recursive: true, force: true });
      const outcome = await workbench.npm(['exec', '--offline', '--', 'entropynet-build-addon'], { folder: project });
      expect(outcome.code).to.equal(1);
      expect(outcome.stderr).to.contain('run "npm install --save-dev node-addon-api@8" and the command again.\n');
    });

    it('use shared memory once it is built from source', async () => {
      succeeded(
        await workbench.npm(['install', '--no-audit', '--no-fund', '--save-dev', 'node-addon-api@8'], {
          folder: project,
        }),
      );
      const outcome = await workbench.npm(['exec', '--offline', '--', 'entropynet-build-addon'], { folder: project });
      expect(succeeded(outcome).stderr).to.contain('The addon is built');
      expect(await firstMessage(join(project, 'first-message.mjs'))).to.have.property('backend', 'shared-memory');
    });
  });
});
