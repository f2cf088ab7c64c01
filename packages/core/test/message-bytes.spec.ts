import { constants } from 'node:buffer';
import { expect } from 'chai';
import {
  frameHeader,
  FrameType,
  frameTypeOf,
  type MessageCallbackOptions,
  type NetworkError,
  type Result,
  unwrap,
} from '@entropynet/core';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';
import { encodeUint32 } from '@entropynet/core/internal/wire/frame';
import { BARE_LIMITS, BareConnection, BareWriter } from '@entropynet/test/support/bare-connection';
import { bareSender } from '@entropynet/test/support/bare-sender';
import { takeMemory, withoutMemory } from '@entropynet/test/support/without-memory';

/** As programs write one: its constructor knows one argument, and so `subarray` gives all of the buffer. */
class Packet extends Uint8Array {
  constructor(source: number | ArrayBuffer) {
    super(source as number);
  }
}

type Resizable = ArrayBuffer & { resize(length: number): void };
const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => Resizable;

describe('the bytes of a message', () => {
  it('are cut into fragments unchanged, for any class of array', () => {
    const connection = new BareConnection({}, { ...BARE_LIMITS, channelWindow: 1 << 20 });
    const packet = new Packet(300_000);
    packet.forEach((_byte, index) => (packet[index] = index % 251));
    expect(connection.trySend(packet).ok).to.equal(true);
    const fragments = connection.writer.ofType(FrameType.Fragment).map(({ bytes }) => bytes);
    expect(fragments.every((bytes) => bytes.constructor === Uint8Array)).to.equal(true);
    expect(Buffer.compare(Buffer.concat(fragments), packet)).to.equal(0);
  });

  it('reach the transport as a whole array, in each kind of frame', async () => {
    const connection = new BareConnection({ channelWindow: 65_536 }, { ...BARE_LIMITS, channelWindow: 1 << 20 });
    const { writer } = connection;
    const parts: [type: number, start: number, missing: number][] = [];
    const write = writer.tryWrite.bind(writer);
    writer.tryWrite = (header, bytes, start, end) => {
      parts.push([frameTypeOf(header), start, bytes.byteLength - end]);
      return write(header, bytes, start, end);
    };
    const view = new Uint8Array(new ArrayBuffer(200_000), 1000, 100_000);
    unwrap(connection.trySend(view.subarray(5, 50)));
    unwrap(connection.trySend(view));
    writer.room = 1;
    unwrap(connection.trySend(view));
    const waiting = connection.send(view.subarray(7, 90));
    const opening = connection.openChannel('assets');
    connection.makeRoom();
    unwrap(await waiting);
    unwrap(await opening);
    connection.setMessageCallback(() => undefined);
    connection.feed(frameHeader(FrameType.Message, 0), view.subarray(0, 40_000));
    const { Message, MessageStart, Fragment, ChannelOpen, WindowUpdate } = FrameType;
    const types = [Message, MessageStart, Fragment, ChannelOpen, WindowUpdate];
    expect([...new Set(parts.map(([type]) => type))]).to.have.members(types);
    expect(parts.filter(([, start, missing]) => start !== 0 || missing !== 0)).to.deep.equal([]);
  });

  // V8 keeps an index of an array in 32 bits where it can. The lower 32 bits of both lengths are those of other numbers.
  for (const wanted of [2 ** 31 + 64, 2 ** 32 + 64]) {
    const length = Math.min(wanted, constants.MAX_LENGTH);
    it(`are counted in full, also if there are ${length}`, async () => {
      const connection = new BareConnection();
      const message = new Uint8Array(length);
      const refused = 'MessageTooLarge';
      expect(connection.trySend(message)).to.have.nested.property('error.code', refused);
      expect(connection.trySendBatch([message])).to.have.nested.property('error.code', refused);
      expect(await connection.send(message)).to.have.nested.property('error.code', refused);
      expect(unwrap(connection.trySendBatch([Uint8Array.of(1), message]))).to.equal(1);
      expect(connection.writer.frames).to.have.lengthOf(1);
    });
  }

  it('are dropped completely if there is no memory for the rest, and the next message is sent', async () => {
    const connection = new BareConnection({}, { ...BARE_LIMITS, channelWindow: 1 << 20 });
    const { writer } = connection;
    writer.room = 2;
    const own = Object.getOwnPropertyDescriptor(Buffer, 'allocUnsafeSlow')!;
    Object.defineProperty(Buffer, 'allocUnsafeSlow', {
      ...own,
      value: () => {
        throw new RangeError('Array buffer allocation failed');
      },
    });
    try {
      const tried = connection.trySend(new Uint8Array(300_000));
      expect(tried.ok ? '' : tried.error).to.include({ code: 'ResourceLimitExceeded' });
      expect(tried.ok ? '' : tried.error.message).to.match(/^there is no memory left in which \d+ bytes/);
      const awaited = await connection.send(new Uint8Array(300_000));
      expect(awaited.ok ? '' : awaited.error).to.include({ code: 'ResourceLimitExceeded' });
      const batch = connection.trySendBatch([new Uint8Array(1)]);
      expect(batch.ok ? '' : batch.error).to.include({ code: 'WouldBlock' });
    } finally {
      Object.defineProperty(Buffer, 'allocUnsafeSlow', own);
    }
    connection.makeRoom();
    expect(connection.trySend(Uint8Array.of(7)).ok).to.equal(true);
    const types = writer.frames.map(({ header }) => header & 0xff);
    const { MessageStart, Fragment, MessageAbort, Message } = FrameType;
    expect(types).to.deep.equal([MessageStart, Fragment, MessageAbort, Message]);
    expect(connection.getStats().messagesSent).to.equal(1);
  });

  it('leave no error for the next link if the link broke when they were given up', () => {
    const { sender, table } = bareSender();
    const writer = new BareWriter();
    const write = writer.tryWrite.bind(writer);
    writer.tryWrite = (header, bytes, start, end) => {
      if (frameTypeOf(header) !== FrameType.MessageAbort) return write(header, bytes, start, end);
      sender.stop('closed');
      return false;
    };
    sender.start({ writer, peerLimits: BARE_LIMITS });
    const [long, short] = [new Uint8Array(300_000), new Uint8Array(1)];
    withoutMemory(() => {
      expect(sender.trySend(table.defaultChannel, long)).to.have.nested.property('error.code', 'ConnectionClosed');
    });
    writer.room = 0;
    sender.start({ writer, peerLimits: BARE_LIMITS });
    expect(sender.trySend(table.defaultChannel, short)).to.have.nested.property('error.code', 'WouldBlock');
    sender.stop('closed');
  });

  it('end their connection if the transport has no memory for a frame', async () => {
    const endpoint = 'loopback://no-memory-for-a-frame';
    const server = new LoopbackServer({ endpoint });
    unwrap(await server.listen());
    const connection = new LoopbackConnection({ endpoint });
    unwrap(await connection.connect());
    const message = new Uint8Array(100);
    withoutMemory(() => {
      expect(connection.trySend(message)).to.have.nested.property('error.code', 'ConnectionClosed');
    });
    const { state, error } = await connection.closed;
    expect(state).to.equal('failed');
    expect(error?.message).to.equal('a message could not be sent: this process has no memory left');
    await server.close();
  });

  it('are not claimed if there is no memory for them', () => {
    const connection = new BareConnection({}, { ...BARE_LIMITS, channelWindow: 1 << 20 });
    let refusals: Result<unknown>[] = [];
    withoutMemory(() => {
      // The longer ones need fragments. The room of the shorter ones is memory of the transport.
      refusals = [300_000, 100].flatMap((length) => [
        connection.claim(length),
        connection.defaultChannel.trySendWith(length, () => undefined),
      ]);
    });
    const codes = refusals.map((refused) => (refused.ok ? 'ok' : refused.error.code));
    expect(codes).to.deep.equal(refusals.map(() => 'ResourceLimitExceeded'));
    expect(connection.trySend(Uint8Array.of(7)).ok).to.equal(true);
  });

  it('end the connection alone that received them, if there is no memory for them', () => {
    const connection = new BareConnection();
    const errors: (NetworkError | undefined)[] = [];
    connection.on('state', (_state, error) => errors.push(error));
    connection.setMessageCallback(() => undefined);
    connection.startReceiving();
    const message = new Uint8Array(20_000);
    withoutMemory(() => {
      connection.feed(frameHeader(FrameType.Message, 0), message);
    });
    expect(errors.map((error) => error?.code)).to.deep.equal(['ResourceLimitExceeded']);
    expect(errors[0]?.message).to.equal('there is no room for a message that arrived: this process has no memory left');
  });

  for (const ownership of ['borrow', 'in-place'] as const) {
    it(`end the connection alone if there is no memory for the listeners beside a callback (${ownership})`, () => {
      const connection = new BareConnection();
      const errors: (NetworkError | undefined)[] = [];
      const events: NetworkError[] = [];
      connection.on('state', (_state, error) => errors.push(error));
      connection.on('error', (error) => events.push(error));
      connection.on('message', () => undefined);
      connection.setMessageCallback(() => undefined, { ownership } as MessageCallbackOptions);
      connection.startReceiving();
      const message = new Uint8Array(20_000);
      withoutMemory(() => {
        connection.feed(frameHeader(FrameType.Message, 0), message);
      });
      expect(errors.map((error) => error?.code)).to.deep.equal(['ResourceLimitExceeded']);
      expect(events).to.deep.equal([]);
    });
  }

  /** Lets the rest of a message wait for a consumer, and takes the memory away before the consumer comes. */
  async function readWithoutMemory(connection: BareConnection): Promise<void> {
    const giveBack = takeMemory();
    try {
      connection.setMessageCallback(() => undefined);
      await new Promise(setImmediate);
    } finally {
      giveBack();
    }
  }

  function withWaitingMessage(): BareConnection {
    const connection = new BareConnection();
    connection.feed(frameHeader(FrameType.MessageStart, 0), encodeUint32(40_000).slice());
    for (let count = 0; count < 2; count += 1) {
      connection.feed(frameHeader(FrameType.Fragment, 0), new Uint8Array(20_000));
    }
    return connection;
  }

  it('end the connection alone for which they waited, if there is no memory when their consumer comes', async () => {
    const connection = withWaitingMessage();
    const errors: (NetworkError | undefined)[] = [];
    connection.on('state', (_state, error) => errors.push(error));
    connection.startReceiving();
    await readWithoutMemory(connection);
    expect(errors.map((error) => error?.code)).to.deep.equal(['ResourceLimitExceeded']);
    expect(errors[0]?.message).to.equal('there is no room for a message that arrived: this process has no memory left');
  });

  it('are not lost in silence if there is no memory for them after the end', async () => {
    const connection = withWaitingMessage();
    const errors: NetworkError[] = [];
    connection.on('error', (error) => errors.push(error));
    connection.startReceiving();
    connection.end();
    await readWithoutMemory(connection);
    expect(errors.map(({ code }) => code)).to.deep.equal(['ResourceLimitExceeded']);
    expect(connection.getState()).to.equal('disconnected');
  });

  it('no longer exist if their buffer was shortened', () => {
    const buffer = new Resizable(100, { maxByteLength: 100 });
    const connection = new BareConnection();
    const message = new Uint8Array(buffer, 50, 10);
    const empty = new Uint8Array(buffer, 5, 0);
    buffer.resize(20);
    expect(() => connection.trySend(message)).to.throw(TypeError, 'shortened buffer');
    expect(connection.trySend(empty).ok).to.equal(true);
    expect(connection.writer.ofType(FrameType.Message)).to.have.lengthOf(1);
  });
});
