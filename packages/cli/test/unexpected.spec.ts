import { PassThrough } from 'node:stream';
import { run, type Streams } from '@entropynet/cli';
import { expect } from 'chai';

describe('an unexpected exception of a command', () => {
  it('shows its origin, without the secrets of addresses', async () => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    let said = '';
    stderr.on('data', (data: Buffer) => (said += data.toString()));
    const write = stdout.write.bind(stdout);
    stdout.write = (text: string, ...rest: never[]): boolean => {
      if (text !== '') throw new Error('no answer of ws://me:secret@host/?token=secret');
      return write(text, ...rest);
    };
    const code = await run(['', '', 'doctor'], { stdin, stdout, stderr } as unknown as Streams);
    const [first, second] = said.split('\n');
    expect(first).to.equal('entropynet: a bug in the command: Error: no answer of ws://***@host/?***');
    expect(second).to.match(/^ {4}at .*unexpected\.spec\.js/);
    expect(code).to.equal(1);
  });
});
