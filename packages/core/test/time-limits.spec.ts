import { expect } from 'chai';
import { until } from '@entropynet/conformance/tools';
import { frameHeader, FrameType, unwrap } from '@entropynet/core';
import { Channel } from '@entropynet/core/internal/channels/channel';
import { QueuedMessage } from '@entropynet/core/internal/channels/message-line';
import { SendDeadlines } from '@entropynet/core/internal/channels/send-deadlines';
import { within } from '@entropynet/core/internal/lifecycle/deadline';
import { monotonicNow, startLimit } from '@entropynet/core/platform';
import { BareConnection } from '@entropynet/test/support/bare-connection';
import { arriveLate, SHORT_LIMIT_MS } from '@entropynet/test/support/late-arrival';

describe('a time limit of a process that was busy', () => {
  it('comes after what has arrived, unless that stops it', async () => {
    const events: string[] = [];
    startLimit(() => events.push('limit'), SHORT_LIMIT_MS);
    const stop = startLimit(() => events.push('stopped limit'), SHORT_LIMIT_MS);
    arriveLate(() => {
      events.push('arrival');
      stop();
    });
    await until(() => events.includes('limit'), 'the limit came');
    expect(events).to.deep.equal(['arrival', 'limit']);
  });

  it('is stopped before it comes', async () => {
    const events: string[] = [];
    const stop = startLimit(() => events.push('stopped limit'), 1);
    stop();
    startLimit(() => events.push('limit'), SHORT_LIMIT_MS);
    await until(() => events.length > 0, 'a limit came');
    expect(events).to.deep.equal(['limit']);
  });

  it('does not end work whose outcome has arrived', async () => {
    const outcome = {};
    let settle: (value: object) => void = () => undefined;
    const work = new Promise<object>((resolve) => (settle = resolve));
    const waited = within(work, SHORT_LIMIT_MS, undefined);
    arriveLate(() => {
      settle(outcome);
    });
    expect(await waited).to.equal(outcome);
  });

  it('does not end the wait of a message for which there is room', async () => {
    const { outgoing } = new Channel(undefined);
    const waiting = (): QueuedMessage =>
      new QueuedMessage(new Uint8Array(1), undefined, 1, monotonicNow() + SHORT_LIMIT_MS, () => undefined);
    const [first, second] = [waiting(), waiting()];
    const expired: QueuedMessage[] = [];
    const deadlines = new SendDeadlines((messages) => {
      for (const message of messages.keys()) {
        expired.push(message);
        deadlines.delete(message);
      }
    });
    deadlines.add(outgoing, first);
    deadlines.add(outgoing, second);
    arriveLate(() => {
      deadlines.delete(first);
    });
    await until(() => expired.length > 0, 'a message has timed out');
    expect(expired).to.deep.equal([second]);
  });

  it('does not end the closing of a channel that the peer has closed', async () => {
    const connection = new BareConnection({ sendTimeoutMs: SHORT_LIMIT_MS });
    unwrap(await connection.openChannel('x'));
    connection.feed(frameHeader(FrameType.ChannelOpen, 1), new TextEncoder().encode('x'));
    const closing = connection.closeChannel('x');
    arriveLate(() => {
      connection.feed(frameHeader(FrameType.ChannelClose, 1));
      connection.feed(frameHeader(FrameType.ChannelClosed, 1));
    });
    unwrap(await closing);
  });
});
