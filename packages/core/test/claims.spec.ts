import { expect } from 'chai';
import { channelIdOf, frameHeader, FrameType, frameTypeOf, type Result, unwrap } from '@entropynet/core';
import { BareConnection, BareWriter } from '@entropynet/test/support/bare-connection';

const { ChannelRefuse, Fragment, Message, MessageStart } = FrameType;

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.error.code;
}

describe('a claim', () => {
  it('whose link breaks inside the call gets ConnectionClosed, and counts as no refusal', () => {
    const connection = new BareConnection();
    connection.writer.tryClaim = () => {
      connection.end();
      return undefined;
    };
    expect(codeOf(connection.claim(4))).to.equal('ConnectionClosed');
    expect(connection.wouldBlockCount()).to.equal(0);
  });

  for (const length of [10, 100_000]) {
    it(`of ${length} bytes on a channel that the peer refused meanwhile sends nothing`, async () => {
      const connection = new BareConnection();
      unwrap(await connection.openChannel('x'));
      const claim = unwrap(connection.channel('x').claim(length));
      connection.feed(frameHeader(ChannelRefuse, 1));
      connection.writer.frames.length = 0;
      expect(codeOf(claim.commit())).to.equal('ConnectionClosed');
      expect(codeOf(claim.commit())).to.equal('InvalidParameter');
      const written = connection.writer.frames.filter(({ header }) => frameTypeOf(header) <= Fragment);
      expect(written).to.deep.equal([]);
      expect(connection.unconfirmedSends().messages).to.equal(0);
      unwrap(connection.trySend(new Uint8Array(1)));
    });
  }

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
