import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { inspectSharedMemory, SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { expect } from 'chai';
import { findProgram } from '../support/find-program.js';
import { freshName } from '../support/fresh-name.js';
import { buildNative, missingForNative, type NativeBuild } from './support/native-library.js';
import { leaveOut } from '../support/leave-out.js';

const PACKAGE = fileURLToPath(new URL('../../../native/python', import.meta.url));

function missingForPython(): string | undefined {
  if (findProgram('python3') === undefined) return 'python3, which is not installed here (apt-get install python3)';
  return missingForNative();
}

describe('the package for Python', function () {
  this.timeout(60_000);

  let build: NativeBuild | undefined;
  let directory: string;
  let endpoint: string;
  let child: ChildProcess | undefined;
  let said: string[];
  let closing: (() => Promise<unknown>)[];

  before(function () {
    this.timeout(180_000);
    const missing = missingForPython();
    if (missing !== undefined) leaveOut(this, `what needs ${missing}`);
    build = buildNative('');
  });

  after(() => {
    build?.dispose();
  });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'entropynet-python-'));
    endpoint = freshName();
    said = [];
    closing = [];
  });

  afterEach(async () => {
    for (const close of closing) await close();
    child?.kill('SIGKILL');
    child = undefined;
    rmSync(directory, { recursive: true, force: true });
  });

  const environment = () => ({
    ...process.env,
    ENTROPYNET_LIBRARY: join(build?.folder ?? '', 'libentropynet.so.0'),
    PYTHONPATH: PACKAGE,
    PYTHONDONTWRITEBYTECODE: '1',
    TMPDIR: directory,
  });

  it('passes its own tests', () => {
    const words = ['-X', 'dev', '-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'];
    const { status, stderr } = spawnSync('python3', words, { cwd: PACKAGE, env: environment(), encoding: 'utf8' });
    expect(status, stderr).to.equal(0);
    expect(stderr).to.match(/Ran [1-9]\d+ tests/);
    expect(readdirSync(directory)).to.be.empty;
  });

  it('names in one sentence the places where it looked for the library', () => {
    const env = { ...environment(), ENTROPYNET_LIBRARY: '/no/library' };
    const { status, stderr } = spawnSync('python3', ['-c', 'import entropynet'], { env, encoding: 'utf8' });
    expect(status).to.equal(1);
    expect(stderr).to.contain('ImportError').and.to.contain('/no/library').and.to.contain('cmake -S native');
  });

  /** Starts the program in Python and connects this process with it. */
  async function connected(role: 'connect' | 'serve', style: string): Promise<NetworkConnection> {
    const config = { endpoint, sharedMemory: { directory } };
    const server = role === 'connect' ? new SharedMemoryServer(config) : undefined;
    if (server !== undefined) unwrap(await server.listen());
    const python = spawn('python3', ['-m', 'tests.peer', role, style, directory, endpoint], {
      cwd: PACKAGE,
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = python;
    createInterface({ input: python.stdout }).on('line', (line) => said.push(line));
    if (server !== undefined) {
      closing.push(() => server.close());
      const accepted = unwrap(await server.accept());
      closing.unshift(() => accepted.disconnect());
      return accepted;
    }
    await until(
      () => said.includes('listening'),
      () => `Python listens; it said ${said.join(', ')}`,
    );
    const connection = new SharedMemoryConnection(config);
    closing.push(() => connection.disconnect());
    unwrap(await connection.connect());
    return connection;
  }

  for (const role of ['connect', 'serve'] as const) {
    it(`shows the language and version of ${role === 'connect' ? 'a client' : 'a server'} in Python`, async () => {
      const connection = await connected(role, 'calls');
      const { library = '' } = connection.peer;
      expect(library).to.match(/^python \d+\.\d+\.\d+$/);
      const { regions } = unwrap(inspectSharedMemory({ directory }));
      const region = regions.find((each) => each[role === 'connect' ? 'client' : 'server']?.id === child?.pid);
      expect(region?.[role === 'connect' ? 'clientLibrary' : 'serverLibrary']).to.equal(library);
    });

    for (const style of ['calls', 'loop']) {
      const who = role === 'connect' ? 'a client' : 'a server';
      const title = `${who} in Python with ${style === 'calls' ? 'calls that wait' : 'asyncio'}`;

      it(`${title} sends back messages of every size and of named channels`, async () => {
        const connection = await connected(role, style);
        const back: Buffer[] = [];
        connection.setMessageCallback((bytes) => {
          back.push(Buffer.from(bytes));
        });
        const scene = connection.channel('Szene ä');
        const named: Buffer[] = [];
        scene.setMessageCallback((bytes) => {
          named.push(Buffer.from(bytes));
        });
        connection.startReceiving();
        unwrap(await scene.open());
        // The last one is larger than the ring.
        const messages = [0, 1, 64, 5000, 100_000, 6_000_000].map((size) =>
          Buffer.from(Uint8Array.from({ length: size }, (_unused, index) => (index * 7 + size) % 251)),
        );
        for (const message of messages) {
          unwrap(await connection.send(message));
          unwrap(await scene.send(message));
        }
        await until(
          () => back.length === messages.length && named.length === messages.length,
          () => `all came back; ${back.length} and ${named.length} have`,
        );
        for (const received of [back, named])
          expect(received.map((bytes, index) => bytes.equals(messages[index] as Buffer))).to.not.include(false);
        // Its output has been read, too.
        const ended = once(child as ChildProcess, 'close');
        unwrap(await connection.disconnect());
        await ended;
        expect(said.at(-1)).to.equal('goodbye');
      });

      it(`${title} is seen to die`, async () => {
        const connection = await connected(role, style);
        connection.startReceiving();
        await until(
          () => said.includes('connected'),
          () => `Python is connected; it said ${said.join(', ')}`,
        );
        child?.kill('SIGKILL');
        const { state, error } = await connection.closed;
        expect({ state, code: error?.code }).to.deep.equal({ state: 'failed', code: 'PeerDied' });
      });
    }
  }
});
