import { expect } from 'chai';
import { frameHeader, FrameType, type NetworkError } from '@entropynet/core';
import { BareConnection } from '@entropynet/test/support/bare-connection';

const OPEN = frameHeader(FrameType.ChannelOpen, 1);

/** Runs `body` and returns the memory that any decoder of text was shown meanwhile. */
function decodedMemory(body: () => void): ArrayBufferLike[] {
  const seen: ArrayBufferLike[] = [];
  const own = Object.getOwnPropertyDescriptor(TextDecoder.prototype, 'decode')!;
  const decode = own.value as typeof TextDecoder.prototype.decode;
  Object.defineProperty(TextDecoder.prototype, 'decode', {
    ...own,
    value(this: InstanceType<typeof TextDecoder>, input: Uint8Array) {
      seen.push(input.buffer);
      return decode.call(this, input);
    },
  });
  try {
    body();
  } finally {
    Object.defineProperty(TextDecoder.prototype, 'decode', own);
  }
  return seen;
}

describe('the name of a channel that the peer opens', () => {
  it('is decoded from a private copy, never from the memory of the transport', () => {
    const connection = new BareConnection();
    const names: string[] = [];
    connection.on('channel', (name) => names.push(name));
    const shared = new TextEncoder().encode('näme');
    const decoded = decodedMemory(() => {
      connection.feed(OPEN, shared);
    });
    expect(names).to.deep.equal(['näme']);
    expect(decoded).to.have.lengthOf(1);
    expect(decoded[0]).not.to.equal(shared.buffer);
  });

  for (const length of [0, 256, 65_536]) {
    it(`ends the connection with InvalidMessage, undecoded, where it has ${length} bytes`, () => {
      const connection = new BareConnection();
      let failure: NetworkError | undefined;
      connection.on('state', (_state, error) => (failure = error as NetworkError));
      const decoded = decodedMemory(() => {
        connection.feed(OPEN, new Uint8Array(length).fill(0x41));
      });
      expect(decoded).to.deep.equal([]);
      expect(failure?.code).to.equal('InvalidMessage');
      expect(failure?.message).to.contain(`a channel name of ${length} bytes`);
    });
  }
});
