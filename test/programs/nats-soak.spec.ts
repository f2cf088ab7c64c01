import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skippedTest, until } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { SessionPairs } from '../soak/session-pairs.js';
import { soakOverNats } from '../soak/nats-soak.js';
import { describeNats } from '../support/nats/describe-nats.js';
import { leash } from '../support/nats/nats-server.js';

/** Two sides' ends of one session. */
const FIRST = { self: 1, peer: 2, hasFailed: true, saidGoodbye: false, sent: 10, received: 5, unconfirmed: 4 };
const SECOND = { self: 2, peer: 1, hasFailed: true, saidGoodbye: false, sent: 5, received: 7, unconfirmed: 0 };

function complaintsOf(
  ...ends: readonly (typeof FIRST | (Omit<typeof FIRST, 'peer'> & { peer: undefined }))[]
): string[] {
  const complaints: string[] = [];
  const pairs = new SessionPairs((complaint) => complaints.push(complaint));
  for (const end of ends) pairs.add(end);
  pairs.finish();
  return complaints;
}

describe('the comparison of both sides of a session', () => {
  it('finds a loss that its sender does not know of', () => {
    expect(complaintsOf(FIRST, SECOND)).to.deep.equal([]);
    expect(complaintsOf(SECOND, { ...FIRST, unconfirmed: 2 })).to.deep.equal([
      '3 of 10 messages were lost, and their sender knew of 2',
    ]);
  });

  it('finds a loss in front of a goodbye that was heard', () => {
    const one = { ...FIRST, hasFailed: false, saidGoodbye: true };
    const other = { ...SECOND, hasFailed: false };
    expect(complaintsOf(one, other)).to.deep.equal(['3 of 10 messages were lost in front of a goodbye']);
    expect(complaintsOf({ ...one, hasFailed: true }, { ...other, hasFailed: true })).to.deep.equal([]);
    // The side that ended takes nothing more.
    expect(complaintsOf({ ...FIRST, hasFailed: false }, { ...other, saidGoodbye: true })).to.deep.equal([]);
  });

  it('does not blame the sender for what a side drops that has said goodbye itself', () => {
    expect(complaintsOf({ ...FIRST, unconfirmed: 0 }, { ...SECOND, saidGoodbye: true })).to.deep.equal([]);
  });

  it('brings sides together of which one heard nothing, and judges the lonely', () => {
    const deaf = { ...FIRST, peer: undefined, received: 0, sent: 7 };
    expect(complaintsOf(deaf, { ...SECOND, sent: 3, unconfirmed: 3 })).to.deep.equal([]);
    expect(complaintsOf({ ...deaf, unconfirmed: 6 })).to.deep.equal([
      '7 of 7 messages were lost, and their sender knew of 6',
    ]);
    expect(complaintsOf(SECOND)).to.deep.equal(['a session that received 7 messages has no other side']);
  });
});

describeNats('NATS: traffic while the NATS server dies again and again', () => {
  it('loses nothing unnoticed, doubles nothing and leaves nothing', async function () {
    this.timeout(240_000);
    const { complaints, matched, received } = await soakOverNats({ seed: 22, restarts: 3, restartMs: 1500 });
    expect(complaints).to.deep.equal([]);
    expect(matched).to.be.above(0);
    expect(received).to.be.above(0);
  });
});

describeNats('NATS: the NATS server of a test', () => {
  if (leash === undefined) skippedTest('ends with the process that started it', 'setpriv of util-linux is not there');
  else {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      it(`ends with the process that started it, also by ${signal}`, async () => {
        const support = new URL('../support/nats/nats-server.js', import.meta.url).href;
        const program = `const { NatsServer } = await import(${JSON.stringify(support)});
          console.log((await NatsServer.start()).processId); setInterval(() => undefined, 1000);`;
        // A killed process removes nothing, so its files are in this folder.
        const folder = mkdtempSync(join(tmpdir(), 'en-killed-'));
        const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { ...process.env, TMPDIR: folder },
        });
        const [line] = (await once(starter.stdout, 'data')) as [Buffer];
        const natsServer = Number(line.toString());
        expect(isRunning(natsServer)).to.equal(true);
        starter.kill(signal);
        await until(() => !isRunning(natsServer), 'the NATS server ended');
        rmSync(folder, { recursive: true });
      });
    }
  }
});

/** Whether a process with that id runs; one that has ended and waits for its parent does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
