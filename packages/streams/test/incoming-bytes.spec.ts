import { withoutMemory } from '@entropynet/test/support/without-memory';
import { IncomingBytes } from '@entropynet/streams/internal/incoming-bytes';
import { expect } from 'chai';

const ESCAPE = new Uint8Array(0);

describe('the incoming bytes of a stream', () => {
  let chunks: Buffer[];
  let events: string[];
  let incoming: IncomingBytes;

  beforeEach(() => {
    chunks = [];
    events = [];
    incoming = new IncomingBytes({
      onBytes: (chunk) => {
        chunks.push(chunk);
        events.push('bytes');
      },
      onEnd: () => {
        events.push('end');
      },
      onFailed: (error) => {
        events.push(`${error.code}: ${error.message}`);
      },
    });
  });

  it('combine the short messages of one pass, in a microtask', async () => {
    for (const byte of [1, 2, 3]) incoming.take(Uint8Array.of(byte));
    expect(events).to.deep.equal([]);
    await Promise.resolve();
    expect(chunks).to.deep.equal([Buffer.of(1, 2, 3)]);
  });

  it('end their stream if there is no memory for them, because a gap would follow', () => {
    const message = Uint8Array.of(1);
    withoutMemory(() => {
      incoming.take(message);
    });
    expect(events).to.deep.equal([
      'ResourceLimitExceeded: there is no room for a message that arrived: this process has no memory left',
    ]);
  });

  it('stay unchanged and complete if a reader transfers the memory of a chunk', () => {
    incoming.take(Uint8Array.of(1));
    incoming.flush();
    incoming.take(Uint8Array.of(2));
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(undefined, [chunks[0]!.buffer as ArrayBuffer]);
    } catch (error) {
      // Newer releases of Node.js say so, older ones transfer nothing.
      expect(error).to.have.property('name', 'DataCloneError');
    }
    for (const port of [port1, port2]) port.close();
    incoming.flush();
    expect(chunks).to.deep.equal([Buffer.of(1), Buffer.of(2)]);
  });

  it('deliver a long message separately, after the earlier short ones', () => {
    incoming.take(Uint8Array.of(1));
    incoming.take(new Uint8Array(5000).fill(2));
    expect(chunks.map(({ length }) => length)).to.deep.equal([1, 5000]);
  });

  it('deliver a long message without a copy, and copies of short ones', async () => {
    const short = Uint8Array.of(1);
    const long = new Uint8Array(5000).fill(1);
    incoming.take(long);
    incoming.take(short);
    await Promise.resolve();
    expect(chunks[0]?.buffer).to.equal(long.buffer);
    expect(chunks[1]).to.deep.equal(Buffer.of(1));
    expect(chunks[1]?.buffer).to.not.equal(short.buffer);
  });

  it('are whole over more short messages than fit into the shared memory', async () => {
    const sent: number[] = [];
    for (let index = 0; index < 20_000; index += 1) {
      incoming.take(Uint8Array.of(index % 251, index % 7));
      sent.push(index % 251, index % 7);
    }
    await Promise.resolve();
    expect(Buffer.concat(chunks)).to.deep.equal(Buffer.from(sent));
  });

  it('come before the end of the direction', () => {
    incoming.take(Uint8Array.of(1));
    incoming.take(ESCAPE);
    incoming.take(Uint8Array.of(1));
    expect(events).to.deep.equal(['bytes', 'end']);
  });

  for (const [title, messages, failure] of [
    ['a reset with its reason', [ESCAPE, Uint8Array.of(2, 104, 105)], 'Aborted: the peer cancelled the stream: hi'],
    [
      'bytes after the end',
      [ESCAPE, Uint8Array.of(1), Uint8Array.of(7)],
      'InvalidMessage: the peer sent bytes after its end',
    ],
    [
      'a second end',
      [ESCAPE, Uint8Array.of(1), ESCAPE, Uint8Array.of(1)],
      'InvalidMessage: the peer ended its direction twice',
    ],
    [
      'an unknown control message',
      [ESCAPE, Uint8Array.of(9, 9)],
      'InvalidMessage: a control message of a stream is 1 or 2 and a reason; the peer sent 2 bytes that begin with 9',
    ],
  ] as const) {
    it(`fail by ${title}`, () => {
      for (const message of messages) incoming.take(message);
      expect(events.at(-1)).to.equal(failure);
    });
  }
});
