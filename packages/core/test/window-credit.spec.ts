import { expect } from 'chai';
import { decodeUint32, frameHeader, FrameType } from '@entropynet/core';
import { BareConnection } from '@entropynet/test/support/bare-connection';

const WINDOW = 64 * 1024;
const FRAME_COST = 64;

function returnedBy(connection: BareConnection): number {
  return connection.writer.ofType(FrameType.WindowUpdate).reduce((sum, { bytes }) => sum + decodeUint32(bytes, 0), 0);
}

describe('the window that returns to a peer', () => {
  const half = new Uint8Array(WINDOW / 2 - FRAME_COST);

  it('equals the spent credit if the callback of its message ends the connection', async () => {
    const connection = new BareConnection({ channelWindow: WINDOW });
    connection.setMessageCallback(() => void connection.disconnect());
    connection.startReceiving();
    connection.feed(frameHeader(FrameType.Message, 0), half);
    expect(returnedBy(connection)).to.equal(WINDOW / 2);
    await connection.closed;
  });

  it('equals the spent credit if that message had waited for its callback', async () => {
    const connection = new BareConnection({ channelWindow: WINDOW });
    connection.startReceiving();
    connection.feed(frameHeader(FrameType.Message, 0), half);
    connection.feed(frameHeader(FrameType.Message, 0), half);
    connection.setMessageCallback(() => void connection.disconnect());
    await connection.closed;
    expect(returnedBy(connection)).to.equal(WINDOW);
  });
});
