import { frameHeader, frameTypeOf, FrameType, unwrap } from '@entropynet/core';
import { BARE_LIMITS, BareConnection, BareWriter } from '@entropynet/test/support/bare-connection';
import { expect } from 'chai';

const ID = 1;
const NAME = new TextEncoder().encode('x');

/** Calls `onAnnounced` for the second channel that this side opens, before its opening is done. */
class AnnouncingWriter extends BareWriter {
  onAnnounced: () => void = () => undefined;

  override tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    const isWritten = super.tryWrite(header, bytes, start, end);
    if (frameTypeOf(header) === FrameType.ChannelOpen && this.ofType(FrameType.ChannelOpen).length === 2)
      queueMicrotask(this.onAnnounced);
    return isWritten;
  }
}

describe('a channel object that opens its name again', () => {
  it('gets the messages of a peer that opens, sends and closes before the opening is done', async () => {
    const writer = new AnnouncingWriter();
    const connection = new BareConnection({}, BARE_LIMITS, writer);
    const feed = (type: FrameType, bytes?: Uint8Array<ArrayBuffer>): void => {
      connection.feed(frameHeader(type, ID), bytes);
    };
    feed(FrameType.ChannelOpen, NAME);
    feed(FrameType.ChannelClose);
    const next = connection.channel('x');
    const received: string[] = [];
    next.setMessageCallback((data) => received.push(Buffer.from(data).toString()));
    let isClosed = false;
    next.on('closed', () => (isClosed = true));
    writer.onAnnounced = () => {
      feed(FrameType.ChannelOpen, NAME);
      feed(FrameType.Message, Buffer.from('one'));
      feed(FrameType.ChannelClose);
    };
    const opened = next.open();
    feed(FrameType.ChannelClosed);
    unwrap(await opened);
    expect({ received, isClosed }).to.deep.equal({ received: ['one'], isClosed: true });
  });
});
