import { expect } from 'chai';
import { frameHeader, FrameType } from '@entropynet/core';
import { encodeUint32 } from '@entropynet/core/internal/wire/frame';
import { BareConnection } from '@entropynet/test/support/bare-connection';

describe('the report that a sender may send again', () => {
  it('comes after the messages that arrived together with the window', async () => {
    const connection = new BareConnection();
    const told: string[] = [];
    connection.setMessageCallback((message) => {
      told.push(`message ${message.length}`);
    });
    connection.startReceiving();
    connection.on('drain', () => told.push('drain'));
    while (connection.trySend(new Uint8Array(1000)).ok);
    connection.feed(frameHeader(FrameType.WindowUpdate, 0), encodeUint32(60_000).slice());
    connection.feed(frameHeader(FrameType.Message, 0), new Uint8Array(3));
    expect(told).to.deep.equal(['message 3']);
    await Promise.resolve();
    expect(told).to.deep.equal(['message 3', 'drain']);
    expect(connection.trySend(new Uint8Array(1000)).ok).to.equal(true);
  });
});
