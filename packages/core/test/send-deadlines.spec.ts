import { expect } from 'chai';
import { until } from '@entropynet/conformance/tools';
import { Channel } from '@entropynet/core/internal/channels/channel';
import { QueuedMessage } from '@entropynet/core/internal/channels/message-line';
import { SendDeadlines } from '@entropynet/core/internal/channels/send-deadlines';
import { monotonicNow } from '@entropynet/core/platform';

describe('the deadlines of messages that wait', () => {
  it('stay for the other messages if a sender waits again while some time out', async () => {
    const { outgoing } = new Channel(undefined);
    const due = (inMs: number): QueuedMessage =>
      new QueuedMessage(new Uint8Array(1), undefined, 1, monotonicNow() + inMs, () => undefined);
    const [first, second, late] = [due(5), due(40), due(600_000)];
    const expired: QueuedMessage[] = [];
    const deadlines = new SendDeadlines((messages) => {
      for (const message of messages.keys()) {
        expired.push(message);
        deadlines.delete(message);
        // As a sender that learns of room, and has to wait all the same.
        if (message === first) deadlines.add(outgoing, late);
      }
    });
    deadlines.add(outgoing, first);
    deadlines.add(outgoing, second);
    await until(() => expired.length === 2, 'both have timed out');
    expect(expired).to.deep.equal([first, second]);
    deadlines.delete(late);
  });
});
