import { Arrivals } from '@entropynet/transport-nats/internal/arrivals';
import {
  HEADER_BYTES,
  Kind,
  Lane,
  MESSAGE_COST_BYTES,
  putHeader,
} from '@entropynet/transport-nats/internal/nats-protocol';
import { ReceiveBudget, type ReceiveShare } from '@entropynet/transport-nats/internal/receive-budget';
import { expect } from 'chai';

/** As many empty messages as the largest window allows. */
const COUNT = (64 * 1024 * 1024) / MESSAGE_COST_BYTES;

function share(windowBytes: number): ReceiveShare {
  const joined = new ReceiveBudget(2 * 1024 * 1024 * 1024).join(windowBytes);
  if (joined === undefined) throw new Error('the budget has room');
  joined.renew();
  return joined;
}

function messageOf(lane: Lane, number: number, after: number): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES);
  putHeader(message, 0, Kind.Data, lane, number, after);
  return message;
}

describe('the arrivals of a link', () => {
  it('take a million messages at once that waited for the other lane', () => {
    const faults: Error[] = [];
    const arrivals = new Arrivals([share(1024 * 1024), share(64 * 1024 * 1024)], HEADER_BYTES, {
      takeFrame: () => undefined,
      isOver: () => false,
      onWrong: (error) => faults.push(error),
      onRenewed: () => undefined,
    });
    arrivals.start();
    for (let number = 1; number <= COUNT; number += 1) {
      const message = messageOf(Lane.Bulk, number, 1);
      arrivals.judge(Lane.Bulk, message);
      if (!arrivals.take(Lane.Bulk, message)) throw new Error(`the window ends before number ${number}`);
    }
    expect(arrivals.hasAllOf(COUNT)).to.equal(false);
    const prompt = messageOf(Lane.Prompt, 1, 0);
    expect(arrivals.judge(Lane.Prompt, prompt)).to.equal('next');
    expect(arrivals.take(Lane.Prompt, prompt)).to.equal(true);
    arrivals.takeEarly();
    expect(arrivals.hasAllOf(COUNT)).to.equal(true);
    expect(faults).to.have.length(0);
  });
});
