import { expect } from 'chai';
import { spawnSync } from 'node:child_process';

describe('flushing at exit', () => {
  it('reaches every writer and warns the process if the stream of one throws', () => {
    const script = `
      import { flushAtExit } from '@entropynet/core/platform';
      import { writeSync } from 'node:fs';
      flushAtExit({
        flush: () => {
          throw new Error('this stream is broken');
        },
      });
      const leave = flushAtExit({ flush: () => writeSync(1, 'left ') });
      flushAtExit({ flush: () => writeSync(1, 'flushed') });
      leave();
      process.exit(3);
    `;
    const args = [...process.execArgv, '--input-type=module', '--eval', script];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([status, stdout]).to.deep.equal([3, 'flushed']);
    expect(stderr).to.include('the last written bytes could not be passed to the system');
  });
});
