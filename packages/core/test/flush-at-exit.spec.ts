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

  it("reaches every writer if a listener of 'warning' throws", () => {
    const script = `
      import { flushAtExit } from '@entropynet/core/platform';
      import { writeSync } from 'node:fs';
      process.on('warning', () => {
        throw new Error('this listener is broken');
      });
      flushAtExit({
        flush: () => {
          throw new Error('this stream is broken');
        },
      });
      flushAtExit({ flush: () => writeSync(1, 'flushed') });
      process.exit();
    `;
    const args = [...process.execArgv, '--input-type=module', '--eval', script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stdout).to.equal('flushed');
    expect(stderr).to.include('this listener is broken');
  });
});
