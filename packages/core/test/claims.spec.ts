import { expect } from 'chai';
import {
  channelIdOf,
  frameHeader,
  FrameType,
  frameTypeOf,
  type Result,
  type SendClaim,
  unwrap,
} from '@entropynet/core';
import { turns } from '@entropynet/conformance/tools';
import { encodeUint32 } from '@entropynet/core/internal/wire/frame';
import { BARE_LIMITS, BareConnection, BareWriter } from '@entropynet/test/support/bare-connection';
import { bareSender } from '@entropynet/test/support/bare-sender';

const { ChannelOpen, ChannelRefuse, Fragment, Message, MessageStart, WindowUpdate } = FrameType;

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

  for (const length of [10, 100_000]) {
    it(`[DELIVERY-7] of ${length} transferred bytes gets InvalidParameter, also if the peer refused the channel`, async () => {
      const connection = new BareConnection();
      unwrap(await connection.openChannel('x'));
      const claim = unwrap(connection.channel('x').claim(length));
      connection.feed(frameHeader(ChannelRefuse, 1));
      structuredClone(claim.bytes.buffer, { transfer: [claim.bytes.buffer as ArrayBuffer] });
      expect(codeOf(claim.commit())).to.equal('InvalidParameter');
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

  it('that needs fragments gets the memory of an earlier one, if that was sent', async () => {
    const connection = new BareConnection({}, undefined, new BareWriter(16_384));
    unwrap(await connection.openChannel('x'));
    const fill = (value: number, on: Pick<BareConnection, 'claim'> = connection): ArrayBufferLike => {
      const claim = unwrap(on.claim(40_000));
      claim.bytes.fill(value);
      unwrap(claim.commit());
      return claim.bytes.buffer;
    };
    const first = fill(1);
    // The rest of this one waits for window in that memory.
    expect(fill(2)).to.equal(first);
    expect(fill(3, connection.channel('x'))).to.not.equal(first);
    connection.feed(frameHeader(WindowUpdate, 0), encodeUint32(40_000).slice());
    const fragments = connection.writer.ofType(Fragment);
    const onDefault = fragments.filter(({ header }) => channelIdOf(header) === 0).map(({ bytes }) => bytes);
    const wanted = [1, 2].map((value) => Buffer.alloc(40_000, value));
    expect(Buffer.concat(onDefault).equals(Buffer.concat(wanted))).to.equal(true);
  });

  for (const how of ['claim', 'trySendWith'] as const) {
    it(`of ${how} whose memory is transferred before it is sent whole fails its own connection only`, async () => {
      const connection = new BareConnection({}, undefined, new BareWriter(16_384));
      connection.writer.room = 2;
      let bytes = new Uint8Array(0) as Uint8Array;
      if (how === 'claim') {
        const claim = unwrap(connection.claim(40_000));
        ({ bytes } = claim);
        unwrap(claim.commit());
      } else {
        unwrap(
          connection.trySendWith(40_000, (room) => {
            bytes = room;
          }),
        );
      }
      structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
      const written = connection.writer.frames.length;
      connection.makeRoom();
      expect(connection.getState()).to.equal('failed');
      const { error } = await connection.closed;
      expect(error?.code).to.equal('InvalidParameter');
      expect(error?.message).to.contain('transferred after commit()');
      // Nothing that the peer could take for a violation.
      expect(connection.writer.frames.length).to.equal(written);
      expect(connection.unconfirmedSends().messages).to.equal(1);
    });
  }

  it('shows a new peer nothing that was written for the one before', () => {
    const { sender, table } = bareSender();
    const claim = (): SendClaim => unwrap(sender.claim(table.defaultChannel, 40_000));
    sender.start({ writer: new BareWriter(16_384), peerLimits: BARE_LIMITS });
    const first = claim();
    first.bytes.fill(5);
    unwrap(first.commit());
    sender.start({ writer: new BareWriter(16_384), peerLimits: BARE_LIMITS });
    expect(claim().bytes).to.deep.equal(new Uint8Array(40_000));
  });

  it('holds up a window update, and its end sends it', () => {
    const connection = new BareConnection({ channelWindow: 65_536 });
    connection.setMessageCallback(() => undefined);
    const claim = unwrap(connection.claim(4));
    // More than half of the window.
    connection.feed(frameHeader(Message, 0), new Uint8Array(40_000));
    expect(connection.writer.frames).to.deep.equal([]);
    unwrap(claim.commit());
    expect(connection.writer.frames.map(({ header }) => frameTypeOf(header))).to.deep.equal([Message, WindowUpdate]);
  });

  it('holds up a drain, and its end reports it', async () => {
    const connection = new BareConnection();
    const drains: unknown[] = [];
    connection.on('drain', (channel) => drains.push(channel));
    unwrap(await connection.openChannel('x'));
    const other = connection.channel('x');
    while (other.trySend(new Uint8Array(16_000)).ok);
    // The report is due in a microtask, and finds the claim.
    connection.feed(frameHeader(WindowUpdate, 1), encodeUint32(60_000).slice());
    const claim = unwrap(connection.claim(4));
    await turns(1);
    expect(drains).to.deep.equal([]);
    unwrap(claim.commit());
    expect(drains).to.deep.equal(['x']);
  });

  it('holds up the opening of a channel, and its end announces it', async () => {
    const connection = new BareConnection();
    const claim = unwrap(connection.claim(4));
    const opened = connection.openChannel('x');
    expect(connection.writer.frames).to.deep.equal([]);
    unwrap(claim.commit());
    expect(connection.writer.frames.map(({ header }) => frameTypeOf(header))).to.deep.equal([Message, ChannelOpen]);
    unwrap(await opened);
  });
});
