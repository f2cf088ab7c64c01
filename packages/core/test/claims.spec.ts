import { expect } from 'chai';
import { channelIdOf, FrameType, frameTypeOf, unwrap } from '@entropynet/core';
import { BareConnection, BareWriter } from '@entropynet/test/support/bare-connection';

const { Fragment, Message, MessageStart } = FrameType;

describe('a claim', () => {
  for (const length of [10, 40_000]) {
    it(`of ${length} bytes goes before the messages that wait for its end`, async () => {
      const connection = new BareConnection({}, undefined, new BareWriter(16_384));
      const claim = unwrap(connection.claim(length));
      const sends = [1, 2].map((size) => connection.send(new Uint8Array(size)));
      unwrap(claim.commit());
      for (const sent of await Promise.all(sends)) unwrap(sent);
      const first = length > 16_384 ? [MessageStart, Fragment, Fragment, Fragment] : [Message];
      expect(connection.writer.frames.map(({ header }) => frameTypeOf(header))).to.deep.equal([
        ...first,
        Message,
        Message,
      ]);
      expect(
        connection.writer
          .ofType(Message)
          .slice(-2)
          .map(({ bytes }) => bytes.length),
      ).to.deep.equal([1, 2]);
      expect(connection.writer.frames.every(({ header }) => channelIdOf(header) === 0)).to.equal(true);
    });
  }
});
