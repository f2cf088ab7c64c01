import { withoutMemory } from '@entropynet/test/support/without-memory';
import { Arrivals } from '@entropynet/transport-nats/internal/arrivals';
import { BatchMemory } from '@entropynet/transport-nats/internal/batch-memory';
import { IncomingLane } from '@entropynet/transport-nats/internal/incoming-lane';
import { OutgoingLane } from '@entropynet/transport-nats/internal/outgoing-lane';
import type { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import { MessageSeal } from '@entropynet/transport-nats/internal/message-seal';
import {
  CODE_BYTES,
  hasReached,
  HEADER_BYTES,
  isPlainSubject,
  Kind,
  Lane,
  MESSAGE_COST_BYTES,
  numberOf,
  putHeader,
  putUint32,
} from '@entropynet/transport-nats/internal/nats-protocol';
import { ReceiveBudget } from '@entropynet/transport-nats/internal/receive-budget';
import type { NetworkError } from '@entropynet/core';
import { expect } from 'chai';

const MIB = 1024 * 1024;

function incomingLane(): IncomingLane {
  const share = new ReceiveBudget(1 * MIB).join(64 * 1024);
  if (share === undefined) throw new Error('the budget has room');
  return new IncomingLane(share);
}

describe('the numbers of a lane', () => {
  it('take the next message, drop one that was here, and end at a gap', () => {
    const lane = incomingLane();
    expect([lane.arrive(1), lane.arrive(2), lane.arrive(2), lane.arrive(1)]).to.deep.equal([
      'next',
      'next',
      'seen',
      'seen',
    ]);
    expect(lane.arrive(5)).to.include({ code: 'TransportUnavailable' });
    expect(lane.taken).to.equal(2);
  });

  it('are written and read beyond 32 bits', () => {
    const message = new Uint8Array(HEADER_BYTES);
    for (const number of [1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7]) {
      putHeader(message, 0, Kind.Data, Lane.Bulk, number, 0);
      expect(numberOf(message)).to.equal(number);
    }
  });

  it('compare the lower half of a number across its overflow', () => {
    expect(hasReached(2 ** 32 + 1, 0xffff_ffff)).to.equal(true);
    expect(hasReached(2 ** 32 - 1, 1)).to.equal(false);
  });
});

describe('the windows of lanes', () => {
  it('give no more than the budget to all lanes together', () => {
    const budget = new ReceiveBudget(1 * MIB);
    const shares = Array.from({ length: budget.capacity }, () => budget.join(1 * MIB));
    expect(budget.join(1 * MIB)).to.equal(undefined);
    const granted = shares.reduce((sum, share) => sum + (share?.renew() ?? 0), 0);
    expect(granted).to.be.within(1, 1 * MIB);
    shares[0]?.leave();
    expect(budget.join(1 * MIB)).to.not.equal(undefined);
  });

  it('take no more than was granted, the cost of a message included', () => {
    const lane = incomingLane();
    const granted = lane.share.renew();
    expect(lane.spend(granted - MESSAGE_COST_BYTES + 1)).to.equal(false);
    expect(lane.spend(granted - MESSAGE_COST_BYTES)).to.equal(true);
    expect(lane.spend(0)).to.equal(false);
  });
});

describe('the authentication code of a message', () => {
  it('covers header and body, and is right under one key alone', () => {
    const seal = new MessageSeal(new Uint8Array(32).fill(1));
    const message = new Uint8Array(HEADER_BYTES + CODE_BYTES + 5).fill(7);
    seal.put(message);
    expect(seal.isRight(message)).to.equal(true);
    expect(new MessageSeal(new Uint8Array(32).fill(2)).isRight(message)).to.equal(false);
    for (let at = 0; at < message.length; at += 1) {
      const changed = new Uint8Array(message);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(seal.isRight(changed), `byte ${at}`).to.equal(false);
    }
    for (let length = 0; length < message.length; length += 1) {
      expect(seal.isRight(message.subarray(0, length)), `${length} bytes`).to.equal(false);
    }
  });
});

describe('subjects that a peer names', () => {
  it('have words alone: no wildcard, blank, control character or subject of the NATS server', () => {
    for (const subject of ['_INBOX.0a.0', 'entropynet.canvas-1'])
      expect(isPlainSubject(subject), subject).to.equal(true);
    for (const subject of ['', 'a..b', '.a', 'a.', 'a.*', 'a.>', 'a b', 'a\r\nPUB b', '$SYS.REQ', 'a'.repeat(513)]) {
      expect(isPlainSubject(subject), JSON.stringify(subject)).to.equal(false);
    }
  });
});

describe('lanes without memory', () => {
  it('end their link if there is none for a frame that arrives, and throw nothing', () => {
    const budget = new ReceiveBudget(1 * MIB);
    const [prompt, bulk] = [budget.join(64 * 1024), budget.join(64 * 1024)];
    if (prompt === undefined || bulk === undefined) throw new Error('the budget has room');
    prompt.renew();
    const errors: NetworkError[] = [];
    const arrivals = new Arrivals([prompt, bulk], HEADER_BYTES, {
      takeFrame: () => undefined,
      isOver: () => false,
      onWrong: (error) => errors.push(error),
      onRenewed: () => undefined,
    });
    arrivals.start();
    const message = new Uint8Array(HEADER_BYTES + 100);
    putHeader(message, 0, Kind.Data, Lane.Prompt, 1, 0);
    putUint32(message, HEADER_BYTES, 50_000);
    withoutMemory(() => {
      expect(arrivals.take(Lane.Prompt, message)).to.equal(true);
    });
    expect(errors.map(({ code }) => code)).to.deep.equal(['ResourceLimitExceeded']);
    expect(errors[0]?.message).to.equal('there is no room for a message that arrived: this process has no memory left');
  });

  it('end their link if there is none for a frame to send, or for a part of one, and throw nothing', () => {
    const session = { hasRoom: true, maxBodyBytes: 1 * MIB, memory: new BatchMemory(), publish: () => undefined };
    const errors: NetworkError[] = [];
    let isOpen = false;
    const host = {
      after: 0,
      seals: undefined,
      mayPublish: () => isOpen,
      onUnpublished: (error: NetworkError) => errors.push(error),
    };
    // The window has room for a part of the frame.
    const lane = new OutgoingLane(host, session as unknown as NatsSession, Lane.Prompt, 'subject', 30_000);
    const frame = new Uint8Array(50_000);
    withoutMemory(() => {
      expect(lane.write(0, frame, 0, frame.length)).to.equal(false);
    });
    expect(lane.write(0, frame, 0, frame.length)).to.equal(true);
    isOpen = true;
    withoutMemory(() => {
      lane.flush();
    });
    const sentence = 'a message could not be sent: this process has no memory left';
    expect(errors.map(({ message }) => message)).to.deep.equal([sentence, sentence]);
  });
});

describe('the answers of a lane', () => {
  it('leave one at a time without room, and the next one after the NATS server has taken it', async () => {
    const published: number[] = [];
    const flushes: (() => void)[] = [];
    const session = {
      hasRoom: false,
      publish: (_subject: string, message: Uint8Array) => void published.push(message[HEADER_BYTES] ?? 0),
      flush: () => new Promise<void>((resolve) => flushes.push(resolve)),
    };
    const host = { after: 0, seals: undefined, mayPublish: () => true, onUnpublished: () => undefined };
    const lane = new OutgoingLane(host, session as unknown as NatsSession, Lane.Prompt, 'subject', 30_000);
    for (const each of [1, 2, 3]) lane.answer(Kind.Pong, Uint8Array.of(each));
    expect(published).to.deep.equal([1]);
    expect(flushes.length).to.equal(1);
    flushes[0]?.();
    await Promise.resolve();
    lane.answer(Kind.Pong, Uint8Array.of(4));
    expect(published).to.deep.equal([1, 4]);
    session.hasRoom = true;
    for (const each of [5, 6]) lane.answer(Kind.Pong, Uint8Array.of(each));
    expect(published).to.deep.equal([1, 4, 5, 6]);
  });
});
