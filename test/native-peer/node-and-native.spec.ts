import { expect } from 'chai';
import { type NetworkConnection, type NetworkError, unwrap } from '@entropynet/core';
import { until } from '@entropynet/conformance/tools';
import { namesIn } from '../support/shared-memory/names-in.js';
import { describeNative } from './support/native-site.js';

/** The message with this number and size. */
function message(size: number, number: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 7 + number * 31) % 251);
}

/** Collects the messages that come back on a channel. */
function collect(connection: NetworkConnection, name?: string): Buffer[] {
  const messages: Buffer[] = [];
  const channel = name === undefined ? connection.defaultChannel : connection.channel(name);
  channel.setMessageCallback((bytes) => {
    messages.push(Buffer.from(bytes));
  });
  return messages;
}

/** Each program runs with AddressSanitizer and UndefinedBehaviorSanitizer: a finding ends it with a code. */
describeNative('Node.js and a program in C', (site) => {
  for (const role of ['connect', 'serve'] as const) {
    const title = role === 'serve' ? 'a server in C' : 'a client in C';

    describe(title, () => {
      for (const mode of ['echo', 'pull']) {
        it(`exchanges messages of every size by ${mode === 'pull' ? 'en_receive()' : 'callbacks'}`, async () => {
          const { program, connection } = await site().echo(role, mode);
          const back = collect(connection);
          connection.startReceiving();
          const sizes = [0, 1, 7, 8, 64, 1000, 65_536, 500_000, 600_000, 9_000_001];
          const sent = sizes.map(message);
          for (const bytes of sent) unwrap(await connection.send(bytes));
          await until(() => back.length === sent.length, 'every message came back');
          expect(back.map((bytes, index) => bytes.equals(sent[index] as Uint8Array))).to.deep.equal(
            sizes.map(() => true),
          );
          unwrap(await connection.disconnect());
          const ending = await program.ended;
          expect(ending.errors).to.equal('');
          expect(ending.code).to.equal(0);
          expect(ending.lines.at(-1)).to.equal('ConnectionClosed');
        });
      }

      it('takes messages larger than the ring, with a small window and backpressure', async () => {
        const small = { sharedMemory: { regionSize: 65_536 }, channelWindow: 16_384 };
        const { program, connection } = await site().echo(role, 'echo', small, 'window=16384', 'region=65536');
        const back = collect(connection);
        connection.startReceiving();
        const sent = Array.from({ length: 12 }, (_, number) => message(200_000 + number, number));
        for (const bytes of sent) unwrap(await connection.send(bytes));
        await until(() => back.length === sent.length, 'every message came back');
        expect(back.every((bytes, index) => bytes.equals(sent[index] as Uint8Array))).to.equal(true);
        unwrap(await connection.disconnect());
        expect((await program.ended).lines.at(-1)).to.equal('ConnectionClosed');
      });

      it('opens, uses, closes and opens named channels again', async () => {
        const { program, connection } = await site().echo(role);
        connection.startReceiving();
        for (let round = 0; round < 3; round++) {
          for (const name of ['scene', 'Grüße']) unwrap(await connection.openChannel(name));
          const scene = collect(connection, 'scene');
          const greetings = collect(connection, 'Grüße');
          unwrap(await connection.sendOnChannel('scene', message(300_000, round)));
          unwrap(await connection.sendOnChannel('Grüße', message(10, round)));
          await until(() => scene.length === 1 && greetings.length === 1, 'both channels brought their message back');
          expect(scene[0]?.equals(message(300_000, round))).to.equal(true);
          expect(greetings[0]?.equals(message(10, round))).to.equal(true);
          for (const name of ['scene', 'Grüße']) unwrap(await connection.channel(name).close());
        }
        unwrap(await connection.disconnect());
        const { lines, code } = await program.ended;
        expect(code).to.equal(0);
        expect(lines.filter((line) => line === 'opened scene')).to.have.length(3);
        expect(lines.filter((line) => line === 'closed Grüße')).to.have.length(3);
      });

      it('opens channels itself', async () => {
        const words = ['count=300', 'size=5000', 'channels=a,b,c'];
        const { program, connection } = await site().echo(role, 'burst', {}, ...words);
        const closed: string[] = [];
        connection.on('channel', (name: string) => {
          const channel = connection.channel(name);
          channel.on('closed', () => closed.push(name));
          channel.setMessageCallback(async (bytes) => {
            unwrap(await channel.send(bytes));
          });
        });
        connection.startReceiving();
        const ending = await program.ended;
        expect(ending.errors).to.equal('');
        expect(ending.lines.slice(-2)).to.deep.equal(['300 back', 'ConnectionClosed']);
        await until(() => closed.length === 3, 'three channels were closed');
        expect((await connection.closed).error).to.equal(undefined);
      });

      it('refuses more channels than it allows', async () => {
        const { connection } = await site().echo(role, 'echo', {}, 'maxChannels=2');
        connection.startReceiving();
        unwrap(await connection.openChannel('one'));
        unwrap(await connection.openChannel('two'));
        const third = await connection.openChannel('three');
        expect(third.ok ? 'ok' : third.error.code).to.equal('ResourceLimitExceeded');
        unwrap(await connection.channel('one').close());
        unwrap(await connection.openChannel('three'));
      });

      it('agrees about a secret', async () => {
        const secret = 'a secret that both sides know';
        const { connection } = await site().echo(role, 'echo', { secret }, `secret=${secret}`);
        const back = collect(connection);
        connection.startReceiving();
        unwrap(await connection.send(message(100, 1)));
        await until(() => back.length === 1, 'the message came back');
      });

      it('is seen as dead by Node.js after a kill', async () => {
        const { program, connection } = await site().echo(role);
        connection.startReceiving();
        program.process.kill('SIGKILL');
        expect((await connection.closed).error?.code).to.equal('PeerDied');
      });

      it('says goodbye to Node.js', async () => {
        const { program, connection } = await site().echo(role, 'hold');
        connection.startReceiving();
        await until(() => program.lines.includes('ready'), 'the program is connected');
        program.process.stdin?.end();
        expect(await connection.closed).to.deep.include({ state: 'disconnected' });
        expect((await program.ended).lines.at(-1)).to.equal('ConnectionClosed');
      });
    });
  }

  it('refuses a client in C with another secret, or with none', async () => {
    await site().serve({ secret: 'the right secret of both' });
    for (const words of [['secret=the wrong secret of both'], []]) {
      const { code, lines } = await (await site().start('connect', 'echo', ...words)).ended;
      expect({ code, lines }).to.deep.equal({ code: 1, lines: ['HandshakeFailed'] });
    }
  });

  it('is refused by a server in C with another secret, or with none', async () => {
    await site().start('serve', 'echo', 'secret=the right secret of both');
    for (const secret of ['the wrong secret of both', undefined]) {
      const connected = await site().client({ secret }).connect();
      expect(connected.ok ? 'ok' : connected.error.code).to.equal('HandshakeFailed');
    }
  });

  it('says that nobody listens', async () => {
    const { code, lines, errors } = await (await site().start('connect', 'echo')).ended;
    expect({ code, lines }).to.deep.equal({ code: 1, lines: ['TransportUnavailable'] });
    expect(errors).to.contain(site().endpoint);
  });

  it('gets AddressInUse for a name that the other has', async () => {
    const server = await site().serve();
    const refused = await (await site().start('serve', 'echo')).ended;
    expect(refused.lines).to.deep.equal(['AddressInUse']);
    unwrap(await server.close());
    await site().start('serve', 'echo');
    const second = await site()
      .serve()
      .then(
        () => 'listens',
        (error: unknown) => (error as NetworkError).code,
      );
    expect(second).to.equal('AddressInUse');
  });

  it('takes the name of a server in C that was killed', async () => {
    const program = await site().start('serve', 'echo');
    program.process.kill('SIGKILL');
    await program.ended;
    expect(namesIn(site().directory)).to.have.length(2);
    const server = await site().serve();
    const client = await site().start('connect', 'echo');
    const connection = unwrap(await server.accept());
    connection.startReceiving();
    unwrap(await connection.disconnect());
    expect((await client.ended).lines.at(-1)).to.equal('ConnectionClosed');
  });

  it('reads the messages that Node.js sent before its goodbye', async () => {
    const { program, connection } = await site().echo('connect', 'count');
    connection.startReceiving();
    for (let number = 0; number < 5000; number++) unwrap(await connection.send(message(300, number)));
    unwrap(await connection.disconnect());
    expect((await program.ended).lines.slice(-2)).to.deep.equal(['5000 messages', 'ConnectionClosed']);
  });

  it('leaves no name behind', async () => {
    const { program, connection } = await site().echo('serve');
    await until(() => program.lines.includes('ready'), 'the server accepted the client');
    unwrap(await connection.disconnect());
    await program.ended;
    expect(namesIn(site().directory)).to.deep.equal([]);
  });
});
