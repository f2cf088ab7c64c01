import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionConfig, ConnectionBackend } from '@entropynet/core';
import {
  expectPeerToHave,
  type PeerHost,
  type PeerStart,
  Scope,
  scopedBy,
  skippedTest,
  until,
} from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { freshName } from '../support/fresh-name.js';
import { namesIn } from '../support/shared-memory/names-in.js';
import { C, type Language, PYTHON } from './support/languages.js';
import { buildNative, type NativeBuild } from './support/native-library.js';

const LANGUAGES = [C, PYTHON];
/** How many names a server has: a region, and a socket where connections are sockets. */
const NAMES_OF_A_SERVER = process.platform === 'win32' ? 1 : 2;
const TAKE: PeerStart = { receive: [{}] };

/** Two programs without Node.js between them. This process only sends them requests. */
class Pair extends Scope {
  client!: PeerHost;
  server!: PeerHost;
  readonly directory = mkdtempSync(join(tmpdir(), 'entropynet-pair-'));
  readonly config: ConnectionConfig = {
    endpoint: freshName(),
    backend: ConnectionBackend.SharedMemory,
    sharedMemory: { directory: this.directory },
  };

  constructor() {
    super();
    this.defer(() => {
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  /** Connects the two. */
  async connect(changes: Partial<ConnectionConfig> = {}, start = TAKE): Promise<void> {
    const sharedMemory = { ...this.config.sharedMemory, ...changes.sharedMemory };
    const config = { ...this.config, ...changes, sharedMemory };
    await this.server.actions.listen(config);
    const accepted = this.server.actions.accept(start);
    expect(await this.client.actions.connect(config, start)).to.equal('ok');
    await accepted;
  }

  async untilState(host: PeerHost, state: string): Promise<void> {
    let last = '';
    await until(
      async () => (last = (await host.actions.report()).state) === state,
      () => `a side is ${state}; it is ${last}`,
    );
  }
}

describe('two programs without Node.js between them', function () {
  this.timeout(60_000);

  let build: NativeBuild | undefined;

  before(function () {
    this.timeout(180_000);
    const present = LANGUAGES.filter((language) => language.missing() === undefined);
    if (present.length > 0) build = buildNative('', [...new Set(present.map(({ target }) => target))]);
  });

  after(() => {
    build?.dispose();
  });

  for (const client of LANGUAGES)
    for (const server of LANGUAGES) describeLanguages(client, server, () => build as NativeBuild);
});

function describeLanguages(client: Language, server: Language, build: () => NativeBuild): void {
  describe(`a client in ${client.title} and a server in ${server.title}`, () => {
    const missing = client.missing() ?? server.missing();
    if (missing !== undefined) {
      skippedTest('keeps the contract', missing);
      return;
    }

    const hosts = new Map<string, PeerHost>();
    after(async () => {
      for (const host of hosts.values()) await host[Symbol.asyncDispose]();
    });

    /** The program of a role. If a test ended it, a new one starts. */
    const hostOf = async (role: string, language: Language, pair: Pair): Promise<PeerHost> => {
      let host = hosts.get(role);
      if (host?.isAlive !== true) hosts.set(role, (host = await language.start(build())));
      const running = host;
      pair.defer(() => (running.isAlive ? running.actions.reset() : undefined));
      return running;
    };

    const paired: Paired = (body) =>
      scopedBy(
        () => new Pair(),
        async (pair) => {
          pair.client = await hostOf('client', client, pair);
          pair.server = await hostOf('server', server, pair);
          await body(pair);
        },
      );

    for (const part of [describeMessages, describeChannels, describeEnds, describeRefusals]) part(paired);
  });
}

type Paired = (body: (pair: Pair) => Promise<void>) => () => Promise<void>;

function describeMessages(paired: Paired): void {
  it(
    '[DELIVERY-1] [DELIVERY-2] [STATISTICS-1] delivers messages of every size in both directions at once',
    paired(async (pair) => {
      await pair.connect({ sharedMemory: { regionSize: 65_536 } });
      const [client, server] = [pair.client.actions, pair.server.actions];
      const there = { lengths: [0, 1, 7, 64, 5000, 300_000], count: 120 };
      const back = { lengths: [2, 0, 900, 1_200_000], count: 40, seed: 900 };
      const sent = await Promise.all([client.send(there), server.send(back)]);
      expect(sent).to.deep.equal([{ ok: there.count }, { ok: back.count }]);
      await expectPeerToHave(server, [there]);
      await expectPeerToHave(client, [back]);
      const [near, far] = [(await client.report()).stats, (await server.report()).stats];
      expect([far.messagesReceived, far.bytesReceived]).to.deep.equal([near.messagesSent, near.bytesSent]);
      expect([near.messagesReceived, near.bytesReceived]).to.deep.equal([far.messagesSent, far.bytesSent]);
    }),
  );

  it(
    '[BACKPRESSURE-6] [BACKPRESSURE-7] holds a sender back until its peer takes messages, and loses none',
    paired(async (pair) => {
      await pair.connect({ channelWindow: 16_384, sendTimeoutMs: 100 }, {});
      const row = { lengths: [1000], count: 20 };
      const outcomes = await pair.client.actions.send(row, { unawaited: true });
      expect(outcomes).to.have.all.keys('ok', 'Timeout');
      await pair.server.actions.receive({});
      await expectPeerToHave(pair.server.actions, [{ ...row, count: outcomes['ok'] as number }]);
    }),
  );

  it(
    '[PEER-2] has the process that the operating system reports at both ends',
    paired(async (pair) => {
      await pair.connect();
      const [client, server] = [await pair.client.actions.report(), await pair.server.actions.report()];
      expect([client.peer.process, server.peer.process]).to.deep.equal([server.processId, client.processId]);
    }),
  );
}

function describeChannels(paired: Paired): void {
  it(
    '[CHANNEL-1] [CHANNEL-5] [CHANNEL-8] opens, uses, closes and opens channels again',
    paired(async (pair) => {
      const names = ['scene', 'Grüße'];
      await pair.connect({}, { receive: names.map((channel) => ({ channel })) });
      const [client, server] = [pair.client.actions, pair.server.actions];
      const row = { lengths: [0, 10, 200_000], count: 9 };
      for (let round = 1; round <= 3; round += 1) {
        for (const name of names) expect(await client.openChannel(name)).to.equal('ok');
        for (const name of names) expect(await client.send(row, { channel: name })).to.deep.equal({ ok: row.count });
        for (const name of names) await expectPeerToHave(server, Array<typeof row>(round).fill(row), name);
        for (const name of names) expect(await client.closeChannel(name)).to.equal('ok');
        for (const name of names) expect(await server.isChannelOpen(name)).to.equal(false);
      }
      expect((await server.report()).channels).to.deep.equal([...names, ...names, ...names]);
    }),
  );

  it(
    '[CHANNEL-4] refuses a channel beyond maxChannels, and works on',
    paired(async (pair) => {
      await pair.connect({ maxChannels: 1 });
      const { actions } = pair.client;
      expect(await actions.openChannel('one')).to.equal('ok');
      expect(await actions.openChannel('two')).to.equal('ResourceLimitExceeded');
      expect(await actions.send({ lengths: [5] })).to.deep.equal({ ok: 1 });
      await expectPeerToHave(pair.server.actions, [{ lengths: [5] }]);
    }),
  );

  it(
    '[CHANNEL-6] delays no channel when another one is stalled',
    paired(async (pair) => {
      await pair.connect({ channelWindow: 16_384, sendTimeoutMs: 200 }, { receive: [{ channel: 'live' }] });
      const { actions } = pair.client;
      for (const name of ['stalled', 'live']) expect(await actions.openChannel(name)).to.equal('ok');
      const stalled = actions.send({ lengths: [4000], count: 50 }, { channel: 'stalled', unawaited: true });
      const row = { lengths: [3000], count: 50 };
      expect(await actions.send(row, { channel: 'live' })).to.deep.equal({ ok: row.count });
      await expectPeerToHave(pair.server.actions, [row], 'live');
      expect(await stalled).to.have.all.keys('ok', 'Timeout');
    }),
  );
}

function describeEnds(paired: Paired): void {
  it(
    '[END-1] [END-5] delivers everything when the sender exits right after its goodbye',
    paired(async (pair) => {
      await pair.connect();
      const row = { lengths: [0, 100, 40_000], count: 300 };
      // No reply follows, because the client has ended by then.
      const reply = pair.client.actions.sendDisconnectAndExit(row).catch(() => undefined);
      expect(await pair.client.ended).to.equal(0);
      await reply;
      await pair.untilState(pair.server, 'disconnected');
      await expectPeerToHave(pair.server.actions, [row]);
      expect((await pair.server.actions.log()).at(-1)).to.equal('state:disconnected');
    }),
  );

  for (const [who, dying, living] of [
    ['client', 'client', 'server'],
    ['server', 'server', 'client'],
  ] as const) {
    it(
      `[DEATH-1] [DEATH-2] delivers what a killed ${who} had sent, then reports PeerDied`,
      paired(async (pair) => {
        await pair.connect();
        const row = { lengths: [0, 10, 300], count: 500 };
        expect(await pair[dying].actions.send(row)).to.deep.equal({ ok: row.count });
        pair[dying].signal('SIGKILL');
        await pair.untilState(pair[living], 'failed');
        await expectPeerToHave(pair[living].actions, [row]);
        expect((await pair[living].actions.report()).stateCodes.at(-1)).to.equal('PeerDied');
      }),
    );
  }

  it(
    '[STATE-8] [EXIT-1] leaves nothing behind after a goodbye',
    paired(async (pair) => {
      await pair.connect();
      await pair.client.actions.disconnect();
      await pair.untilState(pair.server, 'disconnected');
      await pair.server.actions.closeServer();
      expect(namesIn(pair.directory)).to.deep.equal([]);
    }),
  );
}

function describeRefusals(paired: Paired): void {
  it(
    '[STATE-5] [DEATH-4] gives TransportUnavailable where nobody listens, also to the leftovers of a killed server',
    paired(async (pair) => {
      const { actions } = pair.client;
      expect(await actions.connect(pair.config)).to.equal('TransportUnavailable');
      await pair.server.actions.listen(pair.config);
      pair.server.signal('SIGKILL');
      await pair.server.ended;
      expect(namesIn(pair.directory)).to.have.length(NAMES_OF_A_SERVER);
      expect(await actions.connect(pair.config)).to.equal('TransportUnavailable');
    }),
  );

  it(
    '[SECRET-1] [SECRET-2] connects with the same secret and with no other',
    paired(async (pair) => {
      const secret = 'a secret that both sides know';
      await pair.server.actions.listen({ ...pair.config, secret });
      for (const other of ['another secret of some length', undefined]) {
        const config = other === undefined ? pair.config : { ...pair.config, secret: other };
        expect(await pair.client.actions.connect(config)).to.equal('HandshakeFailed');
      }
      const accepted = pair.server.actions.accept(TAKE);
      expect(await pair.client.actions.connect({ ...pair.config, secret })).to.equal('ok');
      await accepted;
      expect(await pair.client.actions.send({ lengths: [100] })).to.deep.equal({ ok: 1 });
      await expectPeerToHave(pair.server.actions, [{ lengths: [100] }]);
    }),
  );
}
