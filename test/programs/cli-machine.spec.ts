import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scoped, startPeer } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { removeLeftovers } from '@entropynet/transport-shm';
import { expect } from 'chai';
import { codeAfter, RunningCommand } from '../support/command.js';
import { runInProcess } from '../support/command-in-process.js';
import { freshName } from '../support/fresh-name.js';
import { namesIn } from '../support/shared-memory/names-in.js';
import { CommandFolder, hasAddon } from './cli-support.js';

const folder = new CommandFolder();

/** The variable with the system's temporary directory. */
const TEMPORARY = process.platform === 'win32' ? 'TEMP' : 'TMPDIR';

describe('the command line on one machine', function () {
  // Most tests start several processes.
  this.timeout(60_000);

  folder.useHere();

  describe('bench', () => {
    it(
      'has an example in its help',
      scoped(async (scope) => {
        const end = await folder.run(scope, ['bench', '--help']);
        expect(end).to.include({ code: 0, errors: '' });
        expect(end.output).to.match(/\nExample[^]*\n {2}entropynet bench /);
      }),
    );

    it(
      'measures what the options name',
      scoped(async (scope) => {
        const line = ['bench', '--only', 'round-trip', '--subjects', 'ws', '--rounds', '1'];
        const end = await folder.run(scope, line);
        expect(end.code, end.errors).to.equal(0);
        expect(end.output).to.match(/\nws +[\d.]+ µs/);
      }),
    );

    it(
      'reports unknown options as wrong usage',
      scoped(async (scope) => {
        const end = await folder.run(scope, ['bench', '--only', 'nonsense']);
        expect(end).to.include({ code: 2, output: '' });
        expect(end.errors).to.include("'nonsense'").and.to.include('entropynet: "bench --help" shows the arguments\n');
      }),
    );
  });

  describe('doctor', () => {
    it('tests each transport', async () => {
      const end = await runInProcess(['doctor', '--json']);
      const findings = JSON.parse(end.output) as { what: string; judgement: string; remedy?: string }[];
      const judgements = Object.fromEntries(findings.map(({ what, judgement }) => [what, judgement]));
      expect(judgements).to.include({ WebSocket: 'good', 'shared memory': hasAddon ? 'good' : 'problem' });
      expect(end.code).to.equal(hasAddon ? 0 : 1);
    });

    it(
      'names the directory of servers, which need not exist yet',
      scoped(async (scope) => {
        for (const [environment, expected] of [
          [
            { [TEMPORARY]: join(folder.path, 'no', 'such'), XDG_RUNTIME_DIR: '' },
            join(folder.path, 'no', 'such', 'entropynet-'),
          ],
          [{}, folder.directory],
        ] as const) {
          const doctor = scope.add(new RunningCommand(['doctor'], { ...folder.environment, ...environment }, ''));
          const end = await doctor.ended();
          expect(end.output).to.include(`directory of servers: ${expected}`);
          expect(end.errors).to.not.include('    at ');
        }
      }),
    );

    it('gives the reason if shared memory does not work, with a remedy', async () => {
      const path = join(folder.path, 'no-directory');
      await writeFile(path, '');
      const end = await runInProcess(['doctor', '--directory', path]);
      expect(end.code).to.equal(1);
      expect(end.output).to.match(/PROBLEM {2}shared memory: .+\n {9}\S/);
      expect(end.errors).to.equal('entropynet: 1 problem found\n');
    });
  });

  (hasAddon ? describe : describe.skip)('clean', () => {
    it(
      'removes the files of a killed server, and nothing else',
      scoped(async (scope) => {
        // The name is short, because the path of a local socket is limited.
        const own = join(folder.path, 'own');
        const here = ['--directory', own];
        const peer = await startPeer('other process', {
          specifier: '@entropynet/transport-shm',
          className: 'SharedMemoryTransport',
        });
        scope.add(peer);
        await peer.actions.listen({ endpoint: freshName(), sharedMemory: { directory: own } });
        const dead = new Set(namesIn(own));
        const { server } = await folder.listening(scope, ['listen', freshName(), ...here]);
        const living = namesIn(own).filter((name) => !dead.has(name));
        await writeFile(join(own, 'notes.txt'), 'mine');
        expect(JSON.parse((await runInProcess(['clean', ...here, '--json'])).output)).to.deep.include({
          removed: [],
          living: 2,
        });
        peer.signal('SIGKILL');
        await peer.ended;
        const dry = JSON.parse((await runInProcess(['clean', ...here, '--dry-run', '--json'])).output) as {
          removed: string[];
        };
        expect(dry.removed).to.have.members([...dead].map((name) => join(own, name)));
        const end = await runInProcess(['clean', ...here]);
        expect(end.output.trim().split('\n')).to.deep.equal(dry.removed.map((path) => `removed ${path}`));
        // A pipe of Windows is no file.
        const files = process.platform === 'win32' ? '1 file' : '2 files';
        expect(end.errors).to.equal(`${own}: ${files} of dead servers, 1 living\n`);
        expect(namesIn(own)).to.have.members([...living, 'notes.txt']);
        server.signal('SIGINT');
        expect(await server.ended()).to.include({ code: codeAfter('SIGINT') });
      }),
    );

    it(
      'removes nothing if no server has run',
      scoped(async () => {
        const nowhere = join(folder.path, 'nowhere');
        const leftovers = unwrap(await removeLeftovers({ directory: nowhere }));
        expect(leftovers).to.deep.equal({
          directory: nowhere,
          directoryExists: false,
          removed: [],
          living: 0,
          failed: [],
        });
      }),
    );
  });
});
