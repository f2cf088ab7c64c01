import { expect } from 'chai';
import { once } from 'node:events';
import { flushAtExit } from '@entropynet/core/platform';

describe('flushing at exit', () => {
  it('reaches every writer and warns the process if the stream of one throws', async () => {
    const before = new Set(process.listeners('exit'));
    const flushed: string[] = [];
    const leave = [
      flushAtExit({
        flush: () => {
          throw new Error('this stream is broken');
        },
      }),
      flushAtExit({ flush: () => flushed.push('second') }),
    ];
    const warned = once(process, 'warning') as Promise<[Error]>;
    const listener = process.listeners('exit').find((each) => !before.has(each));
    listener?.call(process, 0);
    for (const each of leave) each();
    expect(flushed).to.deep.equal(['second']);
    expect((await warned)[0].cause).to.have.property('message', 'this stream is broken');
  });
});
