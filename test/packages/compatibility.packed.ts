import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { freshName } from '../support/fresh-name.js';
import { leaveOut } from '../support/leave-out.js';
import { succeeded, Workbench } from './workbench.js';

/** The packed packages of the first release. */
const FIRST_RELEASE = resolve(import.meta.dirname, '../../packages/fixtures/0.1.0');

/** The dependencies of the umbrella package, and the package for requests. */
const PACKAGES = [
  'entropynet',
  '@entropynet/core',
  '@entropynet/manager',
  '@entropynet/messaging',
  '@entropynet/transport-shm',
  '@entropynet/transport-ws',
];

/** Echoes the messages of the default channel and of a named one until the peer's goodbye. */
const SERVER = `
import { createNetworking, unwrap } from 'entropynet';
const networking = await createNetworking();
const options = JSON.parse(process.argv[3] ?? '{}');
const server = unwrap(networking.manager.createServer({ endpoint: process.argv[2], ...options }));
unwrap(await server.listen());
console.log(server.addresses()[0]);
const accepted = unwrap(await server.accept());
let failure = 'none';
const ended = new Promise((resolve) => accepted.setStateCallback((state, error) => {
  if (error) failure = error.code;
  if (state === 'disconnected' || state === 'failed') resolve(state);
}));
const echo = (channel) => async (data) => {
  const sent = channel === undefined ? await accepted.send(data) : await accepted.sendOnChannel(channel, data);
  if (!sent.ok) console.error(sent.error.message);
};
accepted.setChannelMessageCallback('named', echo('named'));
accepted.setMessageCallback(echo());
console.log(JSON.stringify({ state: await ended, failure }));
await networking.close();
`;

/** Sends messages of many lengths both ways, then says goodbye. */
const CLIENT = `
import { createHash, randomBytes } from 'node:crypto';
import { createNetworking, unwrap } from 'entropynet';
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const networking = await createNetworking();
const options = JSON.parse(process.argv[3] ?? '{}');
const client = unwrap(networking.manager.openConnection({ endpoint: process.argv[2], ...options }));
unwrap(await client.connect());
const lengths = [0, 1, 64, 65_537, 3_000_000];
const sent = lengths.map((length) => randomBytes(length));
const receive = (set) => new Promise((resolve) => {
  const got = [];
  set((data) => { if (got.push(hash(data)) === lengths.length) resolve(got); });
});
const results = [];
const onDefault = receive((callback) => client.setMessageCallback(callback));
for (const bytes of sent) unwrap(await client.send(bytes));
results.push(await onDefault);
unwrap(await client.openChannel('named'));
const onNamed = receive((callback) => client.setChannelMessageCallback('named', callback));
for (const bytes of sent) unwrap(await client.sendOnChannel('named', bytes));
results.push(await onNamed);
const expected = sent.map(hash);
const isWhole = results.every((got) => got.join() === expected.join());
const closed = client.channel ? await client.channel('named').close() : undefined;
const closing = closed === undefined ? 'unknown' : closed.ok ? 'ok' : closed.error.code;
const backend = client.getBackend();
const { messagesSent, messagesReceived } = client.getStats();
const goodbye = await client.disconnect();
console.log(JSON.stringify({ backend, isWhole, messagesSent, messagesReceived, closing, goodbye: goodbye.ok }));
await networking.close();
`;

/** Answers requests until the peer's goodbye. For each request that begins with `back`, it sends one itself. */
const REQUEST_SERVER = `
import { createNetworking, unwrap } from 'entropynet';
import { requestReply } from '@entropynet/messaging';
const networking = await createNetworking();
const server = unwrap(networking.manager.createServer({ endpoint: process.argv[2], maxMessageSize: 100_000 }));
unwrap(await server.listen());
console.log(server.addresses()[0]);
const accepted = unwrap(await server.accept());
const ended = new Promise((resolve) => accepted.setStateCallback((state) => state === 'disconnected' && resolve()));
const requests = unwrap(await requestReply(accepted));
let aborted = 0;
requests.handle(async (request, { signal, metadata }) => {
  signal.addEventListener('abort', () => { aborted += 1; });
  if (request === 'back') return unwrap(await requests.request('are you there', { metadata: { from: 'server' } }));
  if (request === 'fail') throw new Error('on purpose');
  if (request === 'never') return new Promise(() => undefined);
  if (request === 'long') return 'x'.repeat(200_000);
  if (request === 'nothing') return undefined;
  return { request, metadata: { ...metadata } };
});
await ended;
console.log(JSON.stringify({ aborted }));
await networking.close();
`;

/** Requests every kind of answer. */
const REQUEST_CLIENT = `
import { createNetworking, unwrap } from 'entropynet';
import { requestReply } from '@entropynet/messaging';
const networking = await createNetworking();
const client = unwrap(networking.manager.openConnection({ endpoint: process.argv[2], maxMessageSize: 100_000 }));
unwrap(await client.connect());
const requests = unwrap(await requestReply(client));
requests.handle((request, { metadata }) => request + ', ' + metadata.from);
const answers = {};
for (const request of ['hello', 'back', 'fail', 'never', 'long', 'nothing']) {
  const options = { metadata: { tag: request }, timeoutMs: request === 'never' ? 50 : 20_000 };
  const reply = await requests.request(request, options);
  answers[request] = reply.ok ? reply.value ?? 'undefined' : reply.error.code;
}
const many = await Promise.all(Array.from({ length: 500 }, (_, index) => requests.request(index)));
answers.many = many.every((reply, index) => reply.ok && reply.value.request === index);
await client.disconnect();
console.log(JSON.stringify(answers));
await networking.close();
`;

/** The arguments of both programs beside the endpoint. */
interface Options {
  readonly server?: object;
  readonly client?: object;
}

type Release = 'first' | 'present';

interface ClientReport {
  readonly backend: string;
  readonly isWhole: boolean;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** The result of closing the named channel; 'unknown' if the release has no such call. */
  readonly closing: string;
  readonly goodbye: boolean;
}

describe('the packages and those of the first release', function () {
  this.timeout(300_000);

  const workbench = new Workbench();
  const projects = new Map<Release, string>();

  before(async function () {
    // The compiler builds the addon.
    this.timeout(900_000);
    await workbench.packAll();
    const kept = readdirSync(FIRST_RELEASE).map((name) => join(FIRST_RELEASE, name));
    for (const [release, tarballs] of [
      ['first', kept],
      ['present', PACKAGES.map((name) => workbench.packed(name).tarball)],
    ] as const) {
      const project = workbench.newProject(release);
      succeeded(await workbench.npm(['install', '--no-audit', '--no-fund', ...tarballs], { folder: project }));
      writeFileSync(join(project, 'server.mjs'), SERVER);
      writeFileSync(join(project, 'client.mjs'), CLIENT);
      writeFileSync(join(project, 'request-server.mjs'), REQUEST_SERVER);
      writeFileSync(join(project, 'request-client.mjs'), REQUEST_CLIENT);
      projects.set(release, project);
    }
  });

  after(() => {
    workbench.dispose();
  });

  const programOf = (release: Release, name: string): string => join(projects.get(release) ?? '', name);

  /** A server echoes the messages of a client until the client's goodbye. */
  async function exchange(
    server: Release,
    client: Release,
    backend: string,
    endpoint: string,
    options: Options = {},
  ): Promise<void> {
    const serving = start(programOf(server, 'server.mjs'), endpoint, options.server);
    try {
      const lines = createInterface({ input: serving.stdout! })[Symbol.asyncIterator]();
      const address = String((await lines.next()).value);
      const parameters = [programOf(client, 'client.mjs'), address, JSON.stringify(options.client ?? {})];
      const outcome = await workbench.run(process.execPath, parameters);
      const report = JSON.parse(succeeded(outcome).stdout) as ClientReport;
      const canClose = server === 'present' && client === 'present';
      expect(report).to.deep.equal({
        backend,
        isWhole: true,
        messagesSent: 10,
        messagesReceived: 10,
        closing: client === 'first' ? 'unknown' : canClose ? 'ok' : 'NotSupported',
        goodbye: true,
      });
      expect(JSON.parse(String((await lines.next()).value))).to.deep.equal({ state: 'disconnected', failure: 'none' });
    } finally {
      await stop(serving);
    }
  }

  for (const [server, client] of [
    ['first', 'present'],
    ['present', 'first'],
    ['present', 'present'],
  ] as const) {
    for (const [backend, freshEndpoint] of [
      ['shared-memory', () => `shm://${freshName()}`],
      ['websocket', () => 'ws://127.0.0.1:0/compatibility'],
    ] as const) {
      it(`connect over ${backend}: server of the ${server} release, client of the ${client} one`, async () => {
        await exchange(server, client, backend, freshEndpoint());
      });

      it(`exchange requests over ${backend}: server of the ${server} release, client of the ${client} one`, async () => {
        const serving = start(programOf(server, 'request-server.mjs'), freshEndpoint());
        try {
          const lines = createInterface({ input: serving.stdout! })[Symbol.asyncIterator]();
          const address = String((await lines.next()).value);
          const outcome = await workbench.run(process.execPath, [programOf(client, 'request-client.mjs'), address]);
          expect(JSON.parse(succeeded(outcome).stdout)).to.deep.equal({
            hello: { request: 'hello', metadata: { tag: 'hello' } },
            back: 'are you there, server',
            fail: 'CallbackFailed',
            never: 'Timeout',
            // The first release knows no reason for it, and no reply without a value.
            long: server === 'present' && client === 'present' ? 'MessageTooLarge' : 'CallbackFailed',
            nothing: server === 'present' && client === 'present' ? 'undefined' : 'InvalidMessage',
            many: true,
          });
          expect(JSON.parse(String((await lines.next()).value))).to.deep.equal({ aborted: 1 });
        } finally {
          await stop(serving);
        }
      });

      it(`prove a secret over ${backend}: server of the ${server} release, client of the ${client} one`, async () => {
        const secret = randomBytes(32).toString('hex');
        await exchange(server, client, backend, freshEndpoint(), { server: { secret }, client: { secret } });
      });
    }
  }

  it('a client of the first release reaches the first of the present servers that share an endpoint', async () => {
    const endpoint = `shm://${freshName()}`;
    const shared = { server: { sharedMemory: { share: true } } };
    const other = start(programOf('present', 'server.mjs'), endpoint, shared.server);
    try {
      const lines = createInterface({ input: other.stdout! })[Symbol.asyncIterator]();
      await lines.next();
      // This one gets the second slot, and clients of the first release know one slot only.
      const second = start(programOf('present', 'server.mjs'), endpoint, shared.server);
      try {
        const listening = createInterface({ input: second.stdout! })[Symbol.asyncIterator]();
        await listening.next();
        const outcome = await workbench.run(process.execPath, [programOf('first', 'client.mjs'), endpoint]);
        expect(JSON.parse(succeeded(outcome).stdout)).to.include({ isWhole: true, goodbye: true });
        expect(JSON.parse(String((await lines.next()).value))).to.deep.equal({
          state: 'disconnected',
          failure: 'none',
        });
      } finally {
        await stop(second);
      }
    } finally {
      await stop(other);
    }
  });

  it('a client of the first release reaches a present server that lets other users in', async function () {
    if (process.platform !== 'linux') leaveOut(this, 'this system can not let single users in');
    const directory = join(workbench.folder, 'open');
    await exchange('present', 'first', 'shared-memory', `shm://${freshName()}`, {
      server: { sharedMemory: { directory, allowedUsers: [process.getuid!() + 1] } },
      client: { sharedMemory: { directory } },
    });
    expect(statSync(directory).mode & 0o007, 'what everybody else may do').to.equal(0);
  });
});

function start(program: string, endpoint: string, options: object = {}): ChildProcess {
  return spawn(process.execPath, [program, endpoint, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
