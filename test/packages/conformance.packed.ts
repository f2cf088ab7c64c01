import { expect } from 'chai';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT, readPages } from '../documentation/pages.js';
import { succeeded, Workbench } from './workbench.js';

/** The folder and the files of the transport that `docs/writing-a-transport.md` shows. */
const TRANSPORT = join(ROOT, 'examples', 'custom-transport', 'src');
const TRANSPORT_FILES = ['port-options.ts', 'port-transport.ts'];

/** The program of a third party: its transport comes before shared memory, and its options have types. */
const PROGRAM = `
import { createNetworking, sharedMemoryTransportModule, TRANSPORT, unwrap, type ConnectionConfig } from 'entropynet';
import { ContainerModule } from 'inversify';
import { PortTransport } from './port-transport.js';

class FirstTransport extends PortTransport {
  readonly preference = 1000;
}
const module = new ContainerModule(({ bind }) => {
  bind(TRANSPORT).toConstantValue(new FirstTransport());
});
const networking = await createNetworking({ transports: [sharedMemoryTransportModule, module] });
const config: ConnectionConfig = { endpoint: 'canvas-' + process.pid, port: { maxInFlightBytes: 65_536 } };
// @ts-expect-error -- the type knows what the section holds
const wrong: ConnectionConfig = { ...config, port: { maxInFlightBytes: 'many' } };
const server = unwrap(networking.manager.createServer(config));
unwrap(await server.listen());
const client = unwrap(networking.manager.openConnection(config));
unwrap(await client.connect());
const refused = networking.manager.openConnection(wrong);
console.log(JSON.stringify({
  backend: client.getBackend(),
  passedOver: client.getSelection()?.passedOver.length,
  refused: refused.ok ? 'nothing' : refused.error.message,
}));
await networking.close();
`;

/** The output of mocha's reporter `json`. */
interface Report {
  readonly stats: { readonly passes: number; readonly failures: number; readonly pending: number };
  readonly pending: readonly { readonly fullTitle: string }[];
}

describe('a third-party transport', function () {
  this.timeout(600_000);

  const workbench = new Workbench();
  let project: string;

  before(async () => {
    await workbench.packAll();
    project = workbench.newProject('somebody-else');
    writeFileSync(join(project, 'package.json'), '{ "name": "somebody-else", "private": true, "type": "module" }\n');
    const names = ['entropynet', '@entropynet/conformance'].flatMap((name) => withDependencies(workbench, name));
    await workbench.install(project, [...new Set(names)], ['mocha@12.0.3', 'valibot@1.5.0', 'inversify@8.2.3']);
    for (const file of TRANSPORT_FILES) cpSync(join(TRANSPORT, file), join(project, file));
    writeFileSync(join(project, 'port-transport.test.ts'), suiteOfTheGuide());
    writeFileSync(join(project, 'program.ts'), PROGRAM);
  });

  after(() => {
    workbench.dispose();
  });

  it('compiles in an empty folder, with its own typed options', () => {
    expect(compile(project, [...TRANSPORT_FILES, 'port-transport.test.ts', 'program.ts'])).to.deep.equal([]);
  });

  it("passes the suite with the guide's lines", async () => {
    const mocha = join(project, 'node_modules', 'mocha', 'bin', 'mocha.js');
    const options = ['--reporter', 'json', '--reporter-option', 'output=report.json', '--expose-gc'];
    const program = [mocha, ...options, 'port-transport.test.js'];
    succeeded(await workbench.run(process.execPath, program, { folder: project }));
    const { stats, pending } = JSON.parse(readFileSync(join(project, 'report.json'), 'utf8')) as Report;
    expect(stats.failures).to.equal(0);
    expect(stats.passes).to.be.above(300);
    // Each skipped test gives its reason.
    for (const { fullTitle } of pending) expect(fullTitle).to.match(/\(skipped: \S[^)]*\)$/);
  });

  it('goes before shared memory by its preference', async () => {
    const { stdout } = succeeded(await workbench.run(process.execPath, ['program.js'], { folder: project }));
    const report = JSON.parse(stdout) as { backend: string; passedOver: number; refused: string };
    expect(report).to.include({ backend: 'port', passedOver: 0 });
    expect(report.refused).to.include('port.maxInFlightBytes');
  });
});

/** Returns a package and the packages of this repository that it needs. */
function withDependencies(workbench: Workbench, name: string): string[] {
  const needed = Object.keys(workbench.packed(name).manifest.dependencies ?? {});
  const own = needed.filter((each) => each.startsWith('@entropynet/'));
  return [name, ...own.flatMap((each) => withDependencies(workbench, each))];
}

/** The block of the guide that runs the suite. */
function suiteOfTheGuide(): string {
  const page = readPages().find(({ path }) => path === 'docs/writing-a-transport.md');
  const block = page?.blocks.find(({ code }) => code.includes('await describeTransport('));
  if (block === undefined) throw new Error('the guide shows no call of describeTransport()');
  return block.code;
}

/** Compiles files of a project strictly, and returns the errors. */
function compile(folder: string, files: readonly string[]): string[] {
  const program = ts.createProgram(
    files.map((file) => join(folder, file)),
    {
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      typeRoots: [join(ROOT, 'node_modules', '@types')],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
    },
  );
  const { diagnostics } = program.emit();
  return [...ts.getPreEmitDiagnostics(program), ...diagnostics].map(({ file, messageText }) => {
    const name = file?.fileName.slice(folder.length + 1) ?? '';
    return `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}
