import { PassThrough, Readable } from 'node:stream';
import { run, type Streams } from '@entropynet/cli';
import { until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
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
