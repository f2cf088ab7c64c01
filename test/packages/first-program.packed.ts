import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from '../support/nats/nats-server.js';
import { succeeded, Workbench } from './workbench.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const COMPILER = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/** The programs that a newcomer copies: the first JavaScript block of each page. */
const PAGES = ['README.md', 'packages/entropynet/README.md'];

const PRINTED = 'hello over shared-memory\n';

describe('the first program, word for word', function () {
  this.timeout(300_000);

  const workbench = new Workbench();
  let project: string;

  before(async () => {
    await workbench.packAll();
    project = workbench.newProject('first-program');
    await workbench.install(project, workbench.withOwnDependencies('entropynet'));
  });

  after(() => {
    workbench.dispose();
  });

  async function printedBy(file: string): Promise<string> {
    return succeeded(await workbench.run(process.execPath, [file], { folder: project })).stdout;
  }

  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const program = /```js\n([^]*?)```/.exec(text)?.[1] ?? '';

    describe(page, () => {
      it('runs as .mjs in a project from "npm init"', async () => {
        setType('commonjs');
        writeFileSync(join(project, 'hello.mjs'), program);
        expect(await printedBy('hello.mjs')).to.equal(PRINTED);
      });

      it('runs as .js in a project of type module', async () => {
        setType('module');
        writeFileSync(join(project, 'hello.js'), program);
        expect(await printedBy('hello.js')).to.equal(PRINTED);
      });

      it('runs over WebSocket with the address of a server as the endpoint', async () => {
        setType('module');
        const endpoint = `'ws://127.0.0.1:${await freePort()}/greetings'`;
        writeFileSync(join(project, 'hello-web-socket.js'), program.replaceAll("'greetings'", endpoint));
        expect(await printedBy('hello-web-socket.js')).to.equal('hello over websocket\n');
      });

      it('compiles as strict TypeScript with the options of "tsc --init", and runs', async () => {
        setType('module');
        const folder = workbench.emptyFolder(join('first-program', page.replaceAll('/', '-')));
        writeFileSync(join(folder, 'hello.ts'), program);
        succeeded(await workbench.run(process.execPath, [COMPILER, '--init'], { folder }));
        succeeded(await workbench.run(process.execPath, [COMPILER, '--outDir', 'out', '-p', '.'], { folder }));
        expect(await printedBy(join(folder, 'out', 'hello.js'))).to.equal(PRINTED);
      });

      for (const target of ['es2022', 'es2023', 'esnext']) {
        it(`compiles as strict TypeScript for ${target}`, async () => {
          setType('module');
          const folder = workbench.emptyFolder(join('first-program', `${page.replaceAll('/', '-')}-${target}`));
          writeFileSync(join(folder, 'hello.ts'), program);
          const options = ['--strict', '--skipLibCheck', '--module', 'nodenext', '--target', target, 'hello.ts'];
          succeeded(await workbench.run(process.execPath, [COMPILER, ...options], { folder }));
          expect(await printedBy(join(folder, 'hello.js'))).to.equal(PRINTED);
        });
      }
    });
  }

  function setType(type: 'module' | 'commonjs'): void {
    const path = join(project, 'package.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...manifest, type }));
  }
});
