import { expect } from 'chai';
import type { Result } from '@entropynet/core';
import { BARE_LIMITS, BareWriter } from '@entropynet/test/support/bare-connection';
import { bareSender } from '@entropynet/test/support/bare-sender';

function startSender(writer: BareWriter): ReturnType<typeof bareSender> {
  const made = bareSender();
  made.sender.start({ writer, peerLimits: BARE_LIMITS });
  return made;
}

/** Aborts the wait, and returns a function that says how often the wait came back to its signal since. */
async function aborted(wait: (signal: AbortSignal) => Promise<Result> | Result): Promise<() => number> {
  const abort = new AbortController();
  let touched = 0;
  const waiting = wait(abort.signal);
  abort.abort();
  const result = await waiting;
  expect(result.ok ? '' : result.error).to.include({ code: 'Aborted' });
  abort.signal.removeEventListener = () => {
    touched += 1;
  };
  return () => touched;
}

describe('the wait for a channel, once aborted,', () => {
  it('for its opening, is kept no longer', async () => {
    const writer = new BareWriter();
    writer.room = 0;
    const { sender } = startSender(writer);
    const touched = await aborted((signal) => sender.lifecycle.open('x', signal));
    sender.stop('closed');
    expect(touched()).to.equal(0);
  });

  it('for its close by both sides, is kept no longer', async () => {
    const { sender, table } = startSender(new BareWriter());
    await sender.lifecycle.open('x');
    const channel = table.find('x')!;
    const touched = await aborted((signal) => sender.lifecycle.close(channel, signal));
    sender.stop('closed');
    expect(touched()).to.equal(0);
  });
});
