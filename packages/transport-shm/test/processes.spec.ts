import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describeProcess } from '@entropynet/transport-shm/internal/inspection/processes';
import { expect } from 'chai';
import { leaveOut } from '@entropynet/test/support/leave-out';

describe('a process that is inspected', function () {
  before(function () {
    if (process.platform !== 'linux') leaveOut(this, 'only Linux shows the command of a process');
  });

  it('is shown by its command, without the passwords and tokens of the addresses in it', async () => {
    const address = 'ws://bob:secret@host:80/path?token=secret';
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("up");process.stdin.resume()', address]);
    await once(child.stdout, 'data');
    const shown = describeProcess(child.pid ?? -1);
    child.stdin.end();
    await once(child, 'exit');
    expect(shown?.id).to.equal(child.pid);
    expect(shown?.command).to.include('ws://***@host:80/path?***');
    expect(shown?.command).not.to.include('secret');
  });
});
