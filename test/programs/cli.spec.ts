import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNetworking } from 'entropynet';
import { type Scope, scoped, startPeer, until } from '@entropynet/conformance/tools';
import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import { removeLeftovers, SharedMemoryTransport } from '@entropynet/transport-shm';
import { expect } from 'chai';
import { type CommandEnd, RunningCommand } from '../support/command.js';
import { runInProcess } from '../support/command-in-process.js';
import { freshName } from '../support/fresh-name.js';

const folder = mkdtempSync(join(tmpdir(), 'entropynet-cli-'));
const directory = join(folder, 'entropynet');
const probe = await new SharedMemoryTransport().probe({ endpoint: freshName() });
const hasAddon = probe.available || !probe.reason.includes('addon');

/** Servers of these commands are found in a folder of their own. */
const ENVIRONMENT = { XDG_RUNTIME_DIR: folder };

function start(scope: Scope, line: readonly string[], input?: string | Uint8Array): RunningCommand {
  return scope.add(new RunningCommand(line, ENVIRONMENT, input));
}

/** As a process of its own. */
async function runProcess(scope: Scope, line: readonly string[]): Promise<CommandEnd> {
  return await start(scope, line, '').ended();
}

const PARTS = '.entropynet-parts';

/** Sends the beginning of a file and leaves. */
async function breakOff(address: string, name: string, size: number, beginning: Uint8Array): Promise<void> {
  const { manager, close } = await createNetworking();
  try {
    const handle = unwrap(manager.openConnection({ endpoint: address, sharedMemory: { directory } }));
    unwrap(await handle.connect());
    const words = handle.messages({ channel: CHANNEL_CONTROL });
    const say = async (word: object): Promise<void> => {
      unwrap(await handle.sendOnChannel(CHANNEL_CONTROL, new TextEncoder().encode(JSON.stringify(word))));
    };
    unwrap(await handle.openChannel(CHANNEL_CONTROL));
    unwrap(await handle.openChannel(CHANNEL_ASSET_UPLOAD));
    await say({ name, size });
    await words.next();
    await say({ from: 0 });
    unwrap(await handle.sendOnChannel(CHANNEL_ASSET_UPLOAD, beginning));
    unwrap(await handle.disconnect());
  } finally {
    await close();
  }
}

/** A command that listens, and the address where it does. */
async function listening(
  scope: Scope,
  line: readonly string[],
  input?: string,
): Promise<{ server: RunningCommand; address: string }> {
  const server = start(scope, line, input);
  return { server, address: await server.address() };
}

const ENDPOINTS: Readonly<Record<string, () => string>> = {
  WebSocket: () => 'ws://127.0.0.1:0/cli',
  ...(hasAddon && { 'shared memory': freshName }),
};

describe('the command line', function () {
  // Most tests start several processes.
  this.timeout(60_000);

  const { XDG_RUNTIME_DIR: outside } = process.env;

  // For the commands that run inside this process.
  before(() => {
    Object.assign(process.env, ENVIRONMENT);
  });

  after(async () => {
    if (outside === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = outside;
    await rm(folder, { recursive: true, force: true });
  });

  for (const [what, freshEndpoint] of Object.entries(ENDPOINTS)) describeOver(what, freshEndpoint);

  it(
    'reports a wrong command line, as a process',
    scoped(async (scope) => {
      const end = await runProcess(scope, ['ping', 'x', '--count', 'many']);
      expect(end).to.include({ code: 2, output: '' });
      expect(end.errors).to.include("'many' is not a whole number of 1 or more");
    }),
  );

  describe('bench', () => {
    it(
      'has an example in its help',
      scoped(async (scope) => {
        const end = await runProcess(scope, ['bench', '--help']);
        expect(end).to.include({ code: 0, errors: '' });
        expect(end.output).to.match(/\nExample[^]*\n {2}entropynet bench /);
      }),
    );

    it(
      'measures what the options name',
      scoped(async (scope) => {
        const line = ['bench', '--only', 'round-trip', '--subjects', 'ws', '--rounds', '1'];
        const end = await runProcess(scope, line);
        expect(end.code, end.errors).to.equal(0);
        expect(end.output).to.match(/\nws +[\d.]+ µs/);
      }),
    );

    it(
      'reports unknown options as wrong usage',
      scoped(async (scope) => {
        const end = await runProcess(scope, ['bench', '--only', 'nonsense']);
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
          [{ TMPDIR: join(folder, 'no', 'such'), XDG_RUNTIME_DIR: '' }, join(folder, 'no', 'such', 'entropynet-')],
          [{}, directory],
        ] as const) {
          const doctor = scope.add(new RunningCommand(['doctor'], { ...ENVIRONMENT, ...environment }, ''));
          const end = await doctor.ended();
          expect(end.output).to.include(`directory of servers: ${expected}`);
          expect(end.errors).to.not.include('    at ');
        }
      }),
    );

    it('gives the reason if shared memory does not work, with a remedy', async () => {
      const path = join(folder, 'no-directory');
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
        // A short name: the path of a local socket is limited.
        const own = join(folder, 'own');
        const here = ['--directory', own];
        const peer = await startPeer('other process', {
          specifier: '@entropynet/transport-shm',
          className: 'SharedMemoryTransport',
        });
        scope.add(peer);
        await peer.actions.listen({ endpoint: freshName(), sharedMemory: { directory: own } });
        const dead = new Set(await readdir(own));
        const { server } = await listening(scope, ['listen', freshName(), ...here]);
        const living = (await readdir(own)).filter((name) => !dead.has(name));
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
        expect(dry.removed).to.have.members(
          [...dead].filter((name) => name.includes('.')).map((name) => join(own, name)),
        );
        const end = await runInProcess(['clean', ...here]);
        expect(end.output.trim().split('\n')).to.deep.equal(dry.removed.map((path) => `removed ${path}`));
        expect(end.errors).to.equal(`${own}: 2 files of dead servers, 1 living\n`);
        expect(await readdir(own)).to.include.members([...living, 'notes.txt']);
        server.signal('SIGINT');
        expect(await server.ended()).to.include({ code: 130 });
      }),
    );

    it(
      'removes nothing if no server has run',
      scoped(async () => {
        const nowhere = join(folder, 'nowhere');
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

function describeOver(what: string, freshEndpoint: () => string): void {
  describe(`over ${what}`, () => {
    it(
      'talks: lines become messages and messages lines, on both sides',
      scoped(async (scope) => {
        const { server, address } = await listening(scope, ['listen', freshEndpoint(), '--once']);
        const client = start(scope, ['connect', address]);
        await server.said('[1] connected');
        client.type('hello\n');
        await server.printed('[1] hello\n');
        server.type('good day\nhow are you\n');
        await client.printed('good day\nhow are you\n');
        client.endInput();
        expect(await client.ended()).to.include({ code: 0, output: 'good day\nhow are you\n' });
        expect(await server.ended()).to.include({ code: 0, output: '[1] hello\n' });
        expect(server.errors).to.include('[1] left');
      }),
    );

    it(
      'shows control characters in a printable form',
      scoped(async (scope) => {
        const { server, address } = await listening(scope, ['listen', freshEndpoint(), '--once'], '');
        const { manager, close } = await createNetworking();
        scope.defer(close);
        const handle = unwrap(manager.openConnection({ endpoint: address, sharedMemory: { directory } }));
        unwrap(await handle.connect());
        unwrap(await handle.send(new TextEncoder().encode('\u001b[2Jgone\u202e')));
        unwrap(await handle.send(Uint8Array.of(0xff, 0x00)));
        unwrap(await handle.send(new Uint8Array(0)));
        unwrap(await handle.disconnect());
        expect((await server.ended()).output).to.equal('[1] \\u{1b}[2Jgone\\u{202e}\n[1] (2 bytes) ff00\n[1] \n');
      }),
    );

    it(
      'reads and shows hexadecimal digits, on a channel',
      scoped(async (scope) => {
        const line = ['--hex', '--channel', 'side'];
        const { server, address } = await listening(scope, ['listen', freshEndpoint(), '--once', ...line], '');
        const end = await runInProcess(['connect', address, ...line], '00ff 10\nnothing\n\n');
        expect(end.errors).to.include("not sent: 'nothing' is not an even number of hexadecimal digits");
        expect((await server.ended()).output).to.equal('[1] 00ff10\n[1] \n');
      }),
    );

    it(
      'connects byte streams, with an own end for each direction',
      scoped(async (scope) => {
        const there = randomBytes(3_000_000);
        const { server, address } = await listening(scope, ['listen', freshEndpoint(), '--stream']);
        const client = start(scope, ['connect', address, '--stream'], there);
        await until(() => server.output.length === there.length, 'all bytes arrived');
        expect(server.output.equals(there)).to.be.true;
        server.type('and back\n');
        server.endInput();
        expect(await client.ended()).to.include({ code: 0, output: 'and back\n' });
        expect((await server.ended()).code).to.equal(0);
      }),
    );

    it(
      'measures round trips',
      scoped(async (scope) => {
        const { server, address } = await listening(scope, ['listen', freshEndpoint(), '--echo'], '');
        const end = await runInProcess([
          'ping',
          address,
          '--count',
          '500',
          '--interval',
          '0',
          '--json',
          '--size',
          '100',
        ]);
        const report = JSON.parse(end.output) as {
          received: number;
          size: number;
          percentiles: Record<string, number>;
        };
        expect(report).to.include({ received: 500, size: 100 });
        expect(report.percentiles['50']).to.be.within(0.1, report.percentiles['99']!);
        const shown = await runInProcess(['ping', address, '--count', '2', '--interval', '200']);
        expect(shown.output).to.match(/2 of 2 came back, 64 bytes each, over (shared-memory|websocket)\np50 /);
        expect(shown.errors).to.include('64 bytes: number 2, ');
        server.signal('SIGINT');
        expect((await server.ended()).code).to.equal(130);
      }),
    );

    it(
      'reports a peer that sends other bytes back',
      scoped(async (scope) => {
        const { server, address } = await listening(scope, ['listen', freshEndpoint()]);
        const client = start(scope, ['ping', address], '');
        await server.said('[1] connected');
        server.type('what?\n');
        const end = await client.ended();
        expect(end).to.include({ code: 1 });
        expect(end.errors).to.include('the peer sent other bytes than it received');
      }),
    );

    it(
      'sends a file, checked by its hash, and continues an interrupted transfer',
      scoped(async (scope) => {
        const inbox = join(folder, freshName());
        await mkdir(inbox);
        const path = join(folder, freshName());
        const bytes = randomBytes(1_500_000);
        await writeFile(path, bytes);
        const { server, address } = await listening(scope, ['receive', freshEndpoint(), inbox, '--json']);
        // The beginning of another file must not become part of this one; that of this one is not sent again.
        await breakOff(address, 'other', bytes.length, randomBytes(400_000));
        await server.said("'other' stopped at 400000 of 1500000 bytes");
        await breakOff(address, 'part', bytes.length, bytes.subarray(0, 700_000));
        await server.said("'part' stopped at 700000 of 1500000 bytes");
        const sent: Record<string, number> = {};
        for (const name of ['whole', 'other', 'part', 'empty']) {
          if (name === 'empty') await writeFile(path, '');
          const end = await runInProcess(['send', path, address, '--name', name, '--json']);
          expect(end.code, end.errors).to.equal(0);
          sent[name] = (JSON.parse(end.output) as { sent: number }).sent;
        }
        expect(sent).to.deep.equal({ whole: 1_500_000, other: 1_500_000, part: 800_000, empty: 0 });
        for (const name of ['whole', 'other', 'part'])
          expect((await readFile(join(inbox, name))).equals(bytes)).to.be.true;
        expect((await readdir(inbox)).sort()).to.deep.equal([PARTS, 'empty', 'other', 'part', 'whole']);
        // The beginning that belongs to another file.
        expect(await readdir(join(inbox, PARTS))).to.have.length(1);
        server.signal('SIGINT');
        const lines = (await server.ended()).output.trim().split('\n');
        const [first] = lines.map((line) => JSON.parse(line) as { name: string; sha256: string });
        expect(first).to.include({ name: 'whole', sha256: createHash('sha256').update(bytes).digest('hex') });
      }),
    );

    for (const name of ['../outside', '.profile']) {
      it(
        `refuses a file with the name ${JSON.stringify(name).slice(0, 20)}`,
        scoped(async (scope) => {
          const inbox = join(folder, freshName());
          const path = join(folder, freshName());
          await writeFile(path, 'content');
          const { server, address } = await listening(scope, ['receive', freshEndpoint(), inbox, '--once']);
          const end = await runInProcess(['send', path, address, '--name', name]);
          expect(end.code).to.equal(1);
          expect(end.errors).to.include('the other side refused: the name');
          expect((await server.ended()).code).to.equal(1);
          expect(await readdir(inbox)).to.deep.equal([]);
        }),
      );
    }

    it(
      'replaces no file and refuses one that is too large',
      scoped(async (scope) => {
        const inbox = join(folder, freshName());
        await mkdir(inbox);
        await writeFile(join(inbox, 'there'), 'before');
        const path = join(folder, freshName());
        await writeFile(path, 'a file of 22 bytes now');
        const { address } = await listening(scope, ['receive', freshEndpoint(), inbox, '--max-size', '0.00000001']);
        const twice = await runInProcess(['send', path, address, '--name', 'there']);
        expect(twice.errors).to.include('at most');
        const other = await listening(scope, ['receive', freshEndpoint(), inbox]);
        const replaced = await runInProcess(['send', path, other.address, '--name', 'there']);
        expect(replaced.errors).to.include("there is a 'there' already");
        expect(await readFile(join(inbox, 'there'), 'utf8')).to.equal('before');
      }),
    );

    it(
      'keeps the received part of a file whose sender is killed',
      scoped(async (scope) => {
        const inbox = join(folder, freshName());
        const path = join(folder, freshName());
        // Far more than can be on its way before the sender is killed; it takes no room on the disk.
        await writeFile(path, '');
        await truncate(path, 4_000_000_000);
        const { server, address } = await listening(scope, ['receive', freshEndpoint(), inbox, '--once']);
        const sender = start(scope, ['send', path, address, '--name', 'big']);
        const partSize = async (): Promise<number> => {
          const [part = 'none'] = await readdir(join(inbox, PARTS)).catch(() => []);
          return await stat(join(inbox, PARTS, part)).then(
            ({ size }) => size,
            () => 0,
          );
        };
        await until(async () => (await partSize()) > 0, 'some of it is there');
        sender.signal('SIGKILL');
        const end = await server.ended();
        expect(end.code).to.equal(1);
        expect(end.errors).to.match(/entropynet: .*(PeerDied|stopped at|left before|the peer|connection)/);
        expect(await readdir(inbox)).to.deep.equal([PARTS]);
        expect(await partSize()).to.be.above(0);
      }),
    );
  });
}
