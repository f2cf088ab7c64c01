import fc from 'fast-check';
import { expect } from 'chai';
import {
  type ConnectionBackend,
  type ConnectionConfig,
  type ConnectionState,
  ConnectionType,
  decodePeerLimits,
  type FrameLink,
  frameHeader,
  FrameType,
  type FrameWriter,
  NETWORK_ERROR_CODES,
  NetworkConnection,
  ok,
  parseEndpoint,
  resolveConnectionConfig,
  type Result,
  SecretProver,
  SecretVerifier,
  type FrameSink,
} from '@entropynet/core';
import { decodeServerIdentity } from '@entropynet/transport-shm/internal/discovery/discovery-region';
import {
  decodeProofStep,
  decodeReply,
  decodeRequest,
  ProofStep,
} from '@entropynet/transport-shm/internal/discovery/handshake-messages';
import { checkControlBlock, writeControlBlock } from '@entropynet/transport-shm/internal/region/control-block';
import { RingReader } from '@entropynet/transport-shm/internal/ring/ring-reader';
import { Greeting } from '@entropynet/transport-ws/internal/protocol/greeting';
import { fuzz, word } from './fuzz.js';

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

/** A parser returns ok, or a documented code with a sentence. Anything else is a fault. */
function expectAnswer(result: Result<unknown>): void {
  if (result.ok) return;
  expect(NETWORK_ERROR_CODES).to.include(result.error.code);
  expect(result.error.message).to.not.equal('');
}

/** A valid beginning with some changed bytes, which gets further into a parser than noise. */
function changed(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 }));
  return fc.array(change, { maxLength: 6 }).map((changes) => {
    const copy = valid.slice();
    for (const [index, byte] of changes) copy[index] = byte;
    return copy;
  });
}

describe('fuzz: bytes from a peer', () => {
  const identity = new Uint8Array(16).fill(3);
  const block = new ArrayBuffer(65_536);
  writeControlBlock(block, { identity, serverProcessId: 1, clientProcessId: 2 });

  fuzz('a control block', changed(new Uint8Array(block, 0, 256)), (head) => {
    const region = block.slice(0);
    new Uint8Array(region).set(head);
    expectAnswer(checkControlBlock(region, identity));
  });

  fuzz('a discovery region', fc.oneof(fc.uint8Array({ maxLength: 200 }), bytes(64)), (region) => {
    expectAnswer(decodeServerIdentity(region));
  });

  const request = new Uint8Array(64);
  new DataView(request.buffer).setUint32(0, 0x514e5045, true);
  new DataView(request.buffer).setUint32(4, 1, true);
  fuzz('the messages of the handshake', fc.oneof(bytes(64), changed(request)), (message) => {
    for (const magic of [0x514e5045, 0x524e5045]) {
      const copy = message.slice();
      new DataView(copy.buffer).setUint32(0, magic, true);
      for (const each of [message, copy]) {
        expectAnswer(decodeRequest(each));
        expectAnswer(decodeReply(each));
        expectAnswer(decodeProofStep(each, ProofStep.Challenge));
      }
    }
  });

  fuzz('a greeting', fc.oneof(fc.uint8Array({ maxLength: 64 }), bytes(24)), (greeting) => {
    expectAnswer(decodePeerLimits(greeting));
  });

  fuzz('proofs of a secret', fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 4 }), (messages) => {
    for (const message of messages) {
      expect(new SecretVerifier('a secret of the test').check(message).ok).to.equal(false);
      const prover = new SecretProver('a secret of the test');
      expectAnswer(prover.answer(message));
      expect(prover.check(message).ok).to.equal(false);
    }
  });

  for (const side of ['server', 'client'] as const) {
    fuzz(
      `the messages before the first frame, ${side}`,
      fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 5 }),
      (all) => {
        const config = resolveConnectionConfig({ endpoint: 'ws://x', secret: 'a secret of the test' });
        if (!config.ok) throw config.error;
        const greeting = new Greeting(side, config.value, () => undefined);
        for (const message of all) {
          const received = greeting.receive(message);
          expectAnswer(received);
          if (!received.ok) return;
          expect(received.value, 'let in without a proof').to.equal(undefined);
        }
      },
    );
  }

  const RING = 512;
  const ring = fc.record({
    words: fc.array(word, { minLength: RING / 4, maxLength: RING / 4 }),
    tails: fc.array(word, { minLength: 1, maxLength: 6 }),
    limit: fc.integer({ min: 1, max: 300 }),
  });
  fuzz('a ring', ring, ({ words: content, tails, limit }) => {
    const buffer = new ArrayBuffer(256 + RING);
    const words = new Int32Array(buffer);
    words.set(content, 64);
    let corruptions = 0;
    let isEnded = false;
    const location = { start: 256, capacity: RING, tail: 0, head: 16, consumerSleep: 32, producerWaits: 33 };
    const sink: FrameSink = {
      receive: (_header, all, start, end) => {
        expect(isEnded).to.equal(false);
        expect(start).to.be.at.least(256);
        expect(end)
          .to.be.at.least(start)
          .and.at.most(256 + RING);
        expect(all.byteLength).to.equal(256 + RING);
      },
    };
    const reader = new RingReader(
      { words, bytes: new Uint8Array(buffer), ...location },
      {
        onRoom: () => undefined,
        onCorrupted: () => {
          corruptions += 1;
          isEnded = true;
        },
      },
    );
    for (const tail of tails) {
      words[0] = tail;
      // Every frame takes at least 8 bytes, so one pass over a ring yields no more frames than fit.
      expect(reader.drain(limit, sink)).to.be.at.most(Math.min(limit, RING / 8));
    }
    expect(corruptions).to.be.at.most(1);
  });

  const frame = fc.record({
    type: fc.oneof(fc.constantFrom(...(Object.values(FrameType) as number[])), fc.nat({ max: 255 })),
    channel: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 0xff_ffff })),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      word.map((value) => new Uint8Array(Uint32Array.of(value).buffer)),
      fc.string({ maxLength: 20 }).map((text) => new TextEncoder().encode(text)),
    ),
  });
  fuzz('frames in any order', fc.array(frame, { maxLength: 60 }), async (frames) => {
    const connection = FedConnection.make({
      endpoint: 'fed',
      maxMessageSize: 1000,
      channelWindow: 16_384,
      maxChannels: 4,
    });
    let held = 0;
    connection.setMessageCallback((data) => {
      held += data.length;
    });
    connection.on('error', () => undefined);
    await connection.connect();
    const ends: ConnectionState[] = [];
    connection.on('state', (state) => {
      ends.push(state);
    });
    for (const { type, channel, payload } of frames) connection.feed(frameHeader(type as FrameType, channel), payload);
    // A wrong frame ends the connection once. The others change no state.
    const isOver = !connection.isConnected();
    expect(ends).to.deep.equal(isOver ? ['failed'] : []);
    expect(held).to.be.at.most(16_384 * 5);
    for (const size of connection.written) expect(size).to.be.at.most(1000);
    await connection.disconnect();
  });
});

describe('fuzz: input from a user', () => {
  const keys = fc.constantFrom(
    'endpoint',
    'backend',
    'fallback',
    'secret',
    'sharedMemory',
    'webSocket',
    'maxChannels',
    'x',
  );
  fuzz('a configuration', fc.oneof(fc.anything(), fc.dictionary(keys, fc.anything())), (config) => {
    expectAnswer(resolveConnectionConfig(config));
  });

  fuzz('an endpoint', fc.oneof(fc.string(), fc.webUrl(), fc.string({ unit: 'binary' })), (text) => {
    expectAnswer(parseEndpoint(text));
    expectAnswer(resolveConnectionConfig({ endpoint: text }));
  });
});

/** A connection that gets its frames from the test. */
class FedConnection extends NetworkConnection {
  readonly written: number[] = [];

  static make(config: ConnectionConfig): FedConnection {
    return new FedConnection(config);
  }

  feed(header: number, payload: Uint8Array): void {
    if (this.isConnected()) this.onFrameReceived(header, payload, 0, payload.length, false);
  }

  getType(): ConnectionType {
    return ConnectionType.Local;
  }

  getBackend(): ConnectionBackend {
    return 'fed';
  }

  protected doConnect(): Promise<Result<FrameLink>> {
    const writer: FrameWriter = {
      maxFrameBytes: 1000,
      tryWrite: (_header, _bytes, start, end) => {
        this.written.push(end - start);
        return true;
      },
      tryClaim: (length) => new Uint8Array(length),
      commitClaim: () => undefined,
      abortClaim: () => undefined,
    };
    return Promise.resolve(ok({ writer, peerLimits: { maxMessageSize: 1000, channelWindow: 16_384, maxChannels: 4 } }));
  }

  protected doStartReceiving(): void {
    // The test supplies its frames.
  }

  protected doDisconnect(): Promise<void> {
    return Promise.resolve();
  }

  protected doRelease(): void {
    // There is nothing to release.
  }

  protected doSetReferenced(): void {
    // It never keeps the process alive.
  }
}
