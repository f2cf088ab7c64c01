import { type Channel, err, NetworkError, OK, type Result } from '@entropynet/core';
import { Outbox, type Outgoing } from '@entropynet/messaging/internal/outbox';
import { Answering } from '@entropynet/messaging/internal/answering';
import { jsonCodec, type RequestContext } from '@entropynet/messaging';
import { decodeFailure, parseFrame, RequestFrame } from '@entropynet/messaging/internal/request-frame';
import { HandlerSlot } from '@entropynet/messaging/internal/handler-slot';
import { until } from '@entropynet/conformance/tools';
import { takeMemory } from '@entropynet/test/support/without-memory';
import { expect } from 'chai';

/** A channel that has no memory for long messages. */
function shortOfMemory(): { channel: Channel; sent: Uint8Array[] } {
  const sent: Uint8Array[] = [];
  const channel = {
    subscribe: () => () => undefined,
    trySend: (frame: Uint8Array): Result => {
      if (frame.length > 500) return err('ResourceLimitExceeded', 'there is no memory');
      sent.push(frame);
      return OK;
    },
  } as unknown as Channel;
  return { channel, sent };
}

describe('the outbox of requests', () => {
  it('fails the one message for which there is no memory, and sends the next', () => {
    const { channel, sent } = shortOfMemory();
    const outbox = new Outbox();
    outbox.start(channel);
    const outcomes: string[] = [];
    for (const length of [501, 5]) {
      outbox.push({
        frames: [new Uint8Array(length)],
        onSent: () => outcomes.push('sent'),
        onFailed: ({ code, message }) => outcomes.push(`${code}: ${message}`),
      });
    }
    expect(outcomes).to.deep.equal(['ResourceLimitExceeded: there is no memory', 'sent']);
    expect(sent.map(({ length }) => length)).to.deep.equal([5]);
    expect(outbox.isBlocked).to.equal(false);
  });

  it('continues after a listener threw', () => {
    const { channel, sent } = shortOfMemory();
    const outbox = new Outbox();
    outbox.start(channel);
    const thrown = new Error('a listener failed');
    const failing = (): void =>
      outbox.push({
        frames: [new Uint8Array(1)],
        onSent: () => {
          throw thrown;
        },
        onFailed: () => undefined,
      });
    expect(failing).to.throw(thrown);
    outbox.push({ frames: [new Uint8Array(2)], onSent: () => undefined, onFailed: () => undefined });
    expect(sent).to.have.length(2);
  });

  for (const { when, isFullThen, expected } of [
    { when: 1, isFullThen: true, expected: [1, 3, 4] },
    { when: 1, isFullThen: false, expected: [1, 3, 4] },
    { when: 2, isFullThen: false, expected: [1, 2, 3, 4] },
  ]) {
    it(`sends no frame twice if a message is withdrawn in frame ${when}, and the channel ${isFullThen ? 'is full' : 'has room'}`, () => {
      withdrawInside(when, isFullThen, expected);
    });
  }

  function withdrawInside(when: number, isFullThen: boolean, expected: readonly number[]): void {
    const sent: number[] = [];
    let drained: () => void = () => undefined;
    let isFull = false;
    const channel = {
      subscribe: (_event: string, listener: () => void) => {
        drained = listener;
        return () => undefined;
      },
      trySend: (frame: Uint8Array): Result => {
        if (isFull) return err('WouldBlock', 'the channel is full');
        sent.push(frame[0] as number);
        if (frame[0] === when) {
          outbox.withdraw(withdrawn);
          isFull = isFullThen;
        }
        return OK;
      },
    } as unknown as Channel;
    const outbox = new Outbox();
    const message = (...frames: number[]): Outgoing => ({
      frames: frames.map((first) => Uint8Array.of(first)),
      onSent: () => undefined,
      onFailed: () => undefined,
    });
    const withdrawn = message(1, 2);
    outbox.push(withdrawn);
    outbox.push(message(3, 4));
    outbox.start(channel);
    if (isFullThen) expect(sent).to.deep.equal([when]);
    isFull = false;
    drained();
    expect(sent).to.deep.equal(expected);
    expect(outbox.isBlocked).to.equal(false);
  }

  it('gives a handler one signal, also if it asks for it after the peer has cancelled', async () => {
    const { channel } = shortOfMemory();
    const outbox = new Outbox();
    outbox.start(channel);
    const contexts: RequestContext[] = [];
    const handler = new HandlerSlot<(request: unknown, context: RequestContext) => Promise<string>>(1000);
    handler.set((_request, context) => {
      contexts.push({ ...context }, context);
      return new Promise(() => undefined);
    });
    const options = { codec: jsonCodec(), requestSchema: undefined, maxHandled: 4, maxHandledBytes: 10_000, handler };
    const answering = new Answering<unknown, string>(options, outbox, () => undefined);
    answering.take(7, Uint8Array.of(0x31), {});
    await until(() => contexts.length === 2, 'the handler has the request');
    answering.take(8, Uint8Array.of(0x31), {});
    await until(() => contexts.length === 4, 'the handler has the second request');
    for (const id of [7, 8]) answering.cancel(id);
    answering.end(new NetworkError('ConnectionClosed', 'the test is over'));
    for (const { signal } of contexts) {
      expect(signal.aborted).to.equal(true);
      expect((signal.reason as NetworkError).message).to.equal('the peer cancelled the request');
    }
    expect(contexts[0]?.signal).to.equal(contexts[1]?.signal);
  });

  it('gives the requester a reason in place of a reply for which there is no memory', async () => {
    const { channel, sent } = shortOfMemory();
    const outbox = new Outbox();
    outbox.start(channel);
    const handler = new HandlerSlot<() => string>(1000);
    handler.set(() => 'x'.repeat(1000));
    const options = { codec: jsonCodec(), requestSchema: undefined, maxHandled: 4, maxHandledBytes: 10_000, handler };
    const answering = new Answering<unknown, string>(options, outbox, () => undefined);
    answering.take(7, new TextEncoder().encode('1'), {});
    await until(() => sent.length === 1, 'an answer was sent');
    const frame = parseFrame(sent[0] as Uint8Array);
    expect(frame).to.include({ type: RequestFrame.Failure, id: 7 });
    expect(decodeFailure(frame?.rest ?? new Uint8Array(0))).to.include({ code: 'ResourceLimitExceeded' });
    answering.end(new NetworkError('ConnectionClosed', 'the test is over'));
  });

  it('gives the requester a reason in place of a reply whose frame finds no memory', async () => {
    const { channel, sent } = shortOfMemory();
    const outbox = new Outbox();
    outbox.start(channel);
    const handler = new HandlerSlot<() => string>(1000);
    handler.set(() => 'x'.repeat(100_000));
    const options = { codec: jsonCodec(), requestSchema: undefined, maxHandled: 4, maxHandledBytes: 10_000, handler };
    const answering = new Answering<unknown, string>(options, outbox, () => undefined);
    const giveBack = takeMemory((length) => length > 4096);
    try {
      answering.take(7, Uint8Array.of(0x31), {});
      await until(() => sent.length === 1, 'an answer was sent');
    } finally {
      giveBack();
    }
    const { rest = new Uint8Array(0) } = parseFrame(sent[0] as Uint8Array) ?? {};
    expect(decodeFailure(rest).message).to.contain('this process has no memory left');
    answering.end(new NetworkError('ConnectionClosed', 'the test is over'));
  });
});
