import { frameHeader, FrameType } from '@entropynet/core';
import { BareConnection } from '@entropynet/test/support/bare-connection';
import { expect } from 'chai';

/** More closed channels than those whose names a connection keeps. */
const MANY = 1100;
const ID = 1;

describe('unread messages of many closed channels', () => {
  it('stay readable by name after a look at channels()', async () => {
    const connection = new BareConnection();
    const names = Array.from({ length: MANY }, (_, index) => `channel ${index}`);
    for (const name of names) {
      connection.feed(frameHeader(FrameType.ChannelOpen, ID), Buffer.from(name));
      expect(connection.channels()).to.have.lengthOf(1);
      connection.feed(frameHeader(FrameType.Message, ID), Buffer.from(name));
      connection.feed(frameHeader(FrameType.ChannelClose, ID));
      connection.feed(frameHeader(FrameType.ChannelClosed, ID));
    }
    const received: string[] = [];
    for (const name of names)
      connection.setChannelMessageCallback(name, (data) => received.push(Buffer.from(data).toString()));
    await new Promise(setImmediate);
    expect(received).to.deep.equal(names);
  });
});
