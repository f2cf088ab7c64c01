import { PassThrough, Readable } from 'node:stream';
import { run, type Streams } from '@entropynet/cli';
import { type Scope, scoped, until } from '@entropynet/conformance/tools';
import { type ConnectionServer, unwrap } from '@entropynet/core';
import { WebSocketConnection, WebSocketConnectionServer } from '@entropynet/transport-ws';
import { expect } from 'chai';

const SENTENCE = "standard input can't be read: read EIO";

/** Runs a command whose standard input fails after one line. */
function runWithBrokenInput(line: readonly string[]): { code: Promise<number>; said: () => string } {
  let hasGiven = false;
  const stdin = new Readable({
    read() {
      if (hasGiven) this.destroy(Object.assign(new Error('read EIO'), { code: 'EIO' }));
      else this.push('hello\n');
      hasGiven = true;
    },
  });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  stdout.resume();
  let said = '';
  stderr.on('data', (data: Buffer) => (said += data.toString()));
  return { code: run(['', '', ...line], { stdin, stdout, stderr } as unknown as Streams), said: () => said };
}

/** Runs a command with that standard input. */
async function runWithInput(line: readonly string[], input: Uint8Array): Promise<{ code: number; said: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  stdout.resume();
  let said = '';
  stderr.on('data', (data: Buffer) => (said += data.toString()));
  const code = await run(['', '', ...line], { stdin, stdout, stderr } as unknown as Streams);
  return { code, said };
}

async function listen(scope: Scope, maxMessageSize: number): Promise<{ server: ConnectionServer; endpoint: string }> {
  const server = new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:0/', maxMessageSize });
  scope.defer(() => server.close());
  unwrap(await server.listen());
  return { server, endpoint: server.address() ?? '' };
}

describe('lines of standard input', () => {
  it(
    'are sent with their bytes, whatever they are',
    scoped(async (scope) => {
      const { server, endpoint } = await listen(scope, 1000);
      const lines = ['köln', 'a\u2028b\u2029c\u0085d', '\ufeffe', ''].map((line) => Buffer.from(line));
      lines.push(Buffer.from([0xff, 0xfe, 0x20, 0xc3]), Buffer.from([0]));
      const ending = runWithInput(
        ['connect', endpoint],
        Buffer.concat(lines.flatMap((each) => [each, Buffer.from('\r\n')])),
      );
      const accepted = unwrap(await server.accept());
      const messages: string[] = [];
      for await (const message of accepted.messages()) messages.push(Buffer.from(message).toString('hex'));
      expect(messages).to.deep.equal(lines.map((line) => line.toString('hex')));
      expect((await ending).code).to.equal(0);
    }),
  );

  it(
    'that could not be sent make the command fail, and the others are sent',
    scoped(async (scope) => {
      const { server, endpoint } = await listen(scope, 10);
      const ending = runWithInput(['connect', endpoint], Buffer.from('one\ntwo is too long\nthree\n'));
      const accepted = unwrap(await server.accept());
      const messages: string[] = [];
      for await (const message of accepted.messages()) messages.push(Buffer.from(message).toString());
      expect(messages).to.deep.equal(['one', 'three']);
      const { code, said } = await ending;
      expect(code).to.equal(1);
      expect(said).to.include('(MessageTooLarge)').and.to.include('not every line of standard input was sent');
    }),
  );

  it(
    'after the end of the connection make the command fail once, and not line by line',
    scoped(async (scope) => {
      const { server, endpoint } = await listen(scope, 1000);
      const ending = runWithInput(['connect', endpoint], Buffer.from('a line\n'.repeat(100_000)));
      const accepted = unwrap(await server.accept());
      await accepted.messages().next();
      await accepted.disconnect();
      const { code, said } = await ending;
      expect(code).to.equal(1);
      expect(said.trim().split('\n').length, said).to.be.at.most(3);
    }),
  );
});

describe('a standard input that fails', () => {
  it('ends a client, with a sentence', async () => {
    const server = new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:0/' });
    unwrap(await server.listen());
    const { code, said } = runWithBrokenInput(['connect', server.address() ?? '']);
    const accepted = unwrap(await server.accept());
    expect(await code).to.equal(1);
    expect(said().trim().split('\n').slice(1)).to.deep.equal([`entropynet: ${SENTENCE}`]);
    await accepted.disconnect();
    await server.close();
  });

  it('is reported by a server, which continues', async () => {
    const { code, said } = runWithBrokenInput(['listen', 'ws://127.0.0.1:0/', '--once']);
    await until(() => said().includes(`entropynet: ${SENTENCE}\n`), 'it is reported');
    const [endpoint = ''] = /ws:\S+/.exec(said()) ?? [];
    const client = new WebSocketConnection({ endpoint });
    unwrap(await client.connect());
    await until(() => said().includes('[1] connected'), 'the server is there');
    await client.disconnect();
    expect(await code).to.equal(0);
  });
});
