import { expect } from 'chai';
import { MessageLine, QueuedMessage } from '@entropynet/core/internal/channels/message-line';
import { Reassembly } from '@entropynet/core/internal/channels/reassembly';
import { OutgoingHalfOf } from '@entropynet/core/internal/channels/outgoing-half';
import { SpareMemory } from '@entropynet/core/internal/channels/spare-memory';
import { Channel } from '@entropynet/core/internal/channels/channel';

describe('the line of messages of a channel', () => {
  const messages = Array.from({ length: 7 }, () => QueuedMessage.promised(new Uint8Array(1)));

  it('keeps the order of the others when any message leaves, and lets each leave once', () => {
    const line = new MessageLine();
    for (const message of messages) line.push(message);
    for (const index of [3, 0, 6]) expect(line.remove(messages[index]!)).to.equal(true);
    expect(line.remove(messages[3]!)).to.equal(false);
    expect(line.toArray()).to.deep.equal([1, 2, 4, 5].map((index) => messages[index]));
    expect(line.length).to.equal(4);
    expect(line.head).to.equal(messages[1]);
  });

  it('frees the bytes of a message that has left, although something still refers to the message', () => {
    const message = QueuedMessage.promised(new Uint8Array(1000));
    message.release();
    expect(message.bytes.length).to.equal(0);
    expect(message.length).to.equal(1000);
  });

  it('reads only the neighbours when a message leaves', () => {
    const line = new MessageLine();
    const many = Array.from({ length: 50 }, () => QueuedMessage.promised(new Uint8Array(1)));
    for (const message of many) line.push(message);
    for (const [index, message] of many.entries()) {
      if (Math.abs(index - 25) <= 1) continue;
      for (const link of ['next', 'previous']) {
        Object.defineProperty(message, link, {
          get: () => {
            throw new Error(`message ${index} was looked at`);
          },
        });
      }
    }
    expect(line.remove(many[25]!)).to.equal(true);
  });
});

describe('a reassembled message', () => {
  it('is complete when all its bytes arrived, in any fragments', () => {
    const reassembly = new Reassembly(40_000, new SpareMemory());
    const whole = Uint8Array.from({ length: 40_000 }, (_, index) => index);
    for (let start = 0; start < whole.length; start += 7000) {
      expect(reassembly.missing).to.equal(whole.length - start);
      reassembly.add(whole, start, Math.min(start + 7000, whole.length));
    }
    expect(reassembly.missing).to.equal(0);
    expect(reassembly.bytes).to.deep.equal(whole);
  });
});

describe('the window of a channel', () => {
  it('takes back only spent credit', () => {
    const { outgoing } = new Channel('x');
    expect(outgoing).to.be.instanceOf(OutgoingHalfOf);
    outgoing.open(1, 1000);
    expect(outgoing.restore(1, true)).to.equal(false);
    outgoing.spend(300);
    expect(outgoing.restore(301, true)).to.equal(false);
    expect(outgoing.restore(300, true)).to.equal(true);
    expect(outgoing.credit).to.equal(1000);
  });

  it('is clear for a message only while it is announced, open and idle', () => {
    const { outgoing } = new Channel('x');
    outgoing.open(1, 1000);
    const seen = [outgoing.isClear];
    outgoing.noteAnnounced();
    seen.push(outgoing.isClear);
    const message = QueuedMessage.promised(new Uint8Array(1));
    outgoing.push(message);
    seen.push(outgoing.isClear);
    outgoing.remove(message);
    seen.push(outgoing.isClear);
    outgoing.beginClose();
    seen.push(outgoing.isClear);
    expect(seen).to.deep.equal([false, true, false, true, false]);
  });
});
