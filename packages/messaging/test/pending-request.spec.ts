import { type CloseReason, OK, ok, unwrap } from '@entropynet/core';
import { PendingRequest } from '@entropynet/messaging/internal/pending-request';
import { jsonCodec, type RequestConnection } from '@entropynet/messaging';
import { HandlerSlot } from '@entropynet/messaging/internal/handler-slot';
import { RequestSession } from '@entropynet/messaging/internal/request-session';
import { withoutMemory } from '@entropynet/test/support/without-memory';
import { arriveLate, SHORT_LIMIT_MS } from '@entropynet/test/support/late-arrival';
import { expect } from 'chai';

describe('a request', () => {
  const parts = { value: new Uint8Array(0), metadata: undefined, timeoutMs: SHORT_LIMIT_MS, signal: undefined };

  it('of a process that was busy gets the reply that has arrived', async () => {
    const reply = Uint8Array.of(1);
    const request = new PendingRequest(parts, () => undefined);
    arriveLate(() => {
      request.finish(ok(reply));
    });
    expect(unwrap(await request.reply)).to.equal(reply);
  });

  it('without memory for its message ends at once, and was not sent', async () => {
    const sent: Uint8Array[] = [];
    const channel = {
      isOpen: true,
      take: () => ({ isHeld: true }),
      subscribe: () => () => undefined,
      trySend: (frame: Uint8Array) => {
        sent.push(frame);
        return OK;
      },
    };
    const connection = {
      channel: () => channel,
      closed: new Promise<CloseReason>(() => undefined),
      isConnected: () => true,
      openChannel: () => Promise.resolve(OK),
      startReceiving: () => undefined,
    } as unknown as RequestConnection;
    const answering = { codec: jsonCodec(), requestSchema: undefined, maxHandled: 1, maxHandledBytes: 1 };
    const session = new RequestSession(connection, 'requests', {
      ...answering,
      handler: new HandlerSlot<() => unknown>(1000),
    });
    unwrap(await session.open(undefined));
    const request = new PendingRequest({ ...parts, value: new Uint8Array(100_000) }, () => undefined);
    withoutMemory(() => {
      session.ask(request);
    });
    const ended = await request.reply;
    expect(ended.ok ? 'ok' : ended.error.code).to.equal('ResourceLimitExceeded');
    expect(ended.ok ? '' : ended.error.message).to.contain('the request was not sent');
    expect(sent).to.have.length(0);
  });

  it('without a reply ends at its time limit', async () => {
    const ended = await new PendingRequest(parts, () => undefined).reply;
    expect(ended.ok ? 'ok' : ended.error.code).to.equal('Timeout');
  });
});
