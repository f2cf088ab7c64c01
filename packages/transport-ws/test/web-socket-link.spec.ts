import { expect } from 'chai';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { turns, until } from '@entropynet/conformance/tools';
import { type NetworkError, resolveConnectionConfig, unwrap } from '@entropynet/core';
// The section `webSocket` of a configuration is known once the transport is loaded.
import '@entropynet/transport-ws';
import { PlatformLink } from '@entropynet/transport-ws/internal/browser/platform-link';
import { OPEN, type PlatformWebSocket } from '@entropynet/transport-ws/internal/browser/platform-web-socket';
import { SUBPROTOCOL } from '@entropynet/transport-ws/internal/protocol/web-socket-protocol';
import { WebSocketLink } from '@entropynet/transport-ws/internal/node/web-socket-link';
import { type WebSocket, WebSocketServer } from 'ws';
import { withoutMemory } from '@entropynet/test/support/without-memory';
import { rawFrame } from '@entropynet/test/support/web-socket/raw-web-socket';

/** A stream whose writes take as long as the test wants. */
class SlowStream extends Duplex {
  readonly written: Buffer[] = [];
  #finishWrite: (() => void) | undefined;

  override _read(): void {
    // What is read is pushed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#begin([chunk], callback);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], callback: () => void): void {
    this.#begin(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  #begin(chunks: readonly Buffer[], callback: () => void): void {
    this.written.push(...chunks);
    this.#finishWrite = callback;
  }

  /** The write under way has left. */
  finishWrite(): void {
    const finish = this.#finishWrite;
    this.#finishWrite = undefined;
    finish?.();
  }
}

/** Uses the link. Returns the list of its ends. */
function endsOf(link: WebSocketLink | PlatformLink): (NetworkError | undefined)[] {
  const ends: (NetworkError | undefined)[] = [];
  const ignore = (): void => undefined;
  link.use({
    onFrame: ignore,
    onWritable: ignore,
    onResponsivenessChanged: ignore,
    onEnd: (error) => ends.push(error),
  });
  return ends;
}

/** A WebSocket of `ws`, as a server has it after the upgrade. */
function openWebSocket(stream: Duplex): WebSocket {
  const request = {
    method: 'GET',
    url: '/',
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  };
  let webSocket: WebSocket | undefined;
  const server = new WebSocketServer({ noServer: true, autoPong: false });
  server.handleUpgrade(request as unknown as IncomingMessage, stream, Buffer.alloc(0), (opened) => {
    webSocket = opened;
  });
  if (webSocket === undefined) throw new Error('the upgrade was refused');
  return webSocket;
}

describe('a link over a WebSocket', () => {
  it('answers the last of many pings, and keeps at most one answer for a peer that does not read', async () => {
    const stream = new SlowStream();
    const webSocket = openWebSocket(stream);
    stream.finishWrite();
    const config = unwrap(resolveConnectionConfig({ endpoint: 'ws://127.0.0.1:1' }));
    const link = new WebSocketLink(webSocket, stream, 'none', config);
    const pings = Array.from({ length: 1000 }, (_unused, index) =>
      rawFrame({ opcode: 9, payload: Buffer.from(String(index)) }),
    );
    let isRead = false;
    webSocket.on('ping', (data: Buffer) => (isRead = data.toString() === '999'));
    stream.push(Buffer.concat(pings));
    await until(() => isRead, 'every ping was read');
    const answers = (): string => Buffer.concat(stream.written.slice(1)).toString('latin1');
    expect(answers()).to.equal('\u008a\u00010');
    expect(webSocket.bufferedAmount).to.be.lessThan(10);
    // As often as the stream has taken one.
    for (let count = 0; count < 4; count += 1) {
      stream.finishWrite();
      await new Promise(setImmediate);
    }
    expect(answers()).to.equal('\u008a\u00010\u008a\u0003999');
    link.release();
  });

  it('leaves nothing to do at exit if it could not be made', () => {
    const before = process.listenerCount('exit');
    const stream = new SlowStream();
    const webSocket = openWebSocket(stream);
    stream.prependListener = () => {
      throw new Error('the listener is broken');
    };
    const config = unwrap(resolveConnectionConfig({ endpoint: 'ws://127.0.0.1:1' }));
    expect(() => new WebSocketLink(webSocket, stream, 'none', config)).to.throw('the listener is broken');
    expect(process.listenerCount('exit')).to.equal(before);
  });

  for (const [what, isShort] of [
    ['and says so to the peer', (length: number) => length > 1024],
    ['even if there is none for the reason', () => true],
  ] as const) {
    it(`ends if there is no memory for a frame, ${what}`, () => {
      const stream = new SlowStream();
      const webSocket = openWebSocket(stream);
      stream.finishWrite();
      const config = unwrap(resolveConnectionConfig({ endpoint: 'ws://127.0.0.1:1' }));
      const link = new WebSocketLink(webSocket, stream, 'none', config);
      const ends = endsOf(link);
      link.start();
      // No spare memory is that long.
      const message = new Uint8Array(3 * 1024 * 1024);
      withoutMemory(() => {
        expect(link.writer.tryWrite(0, message, 0, message.length)).to.equal(false);
      }, isShort);
      expect(ends.map((error) => error?.code)).to.deep.equal(['ResourceLimitExceeded']);
      expect(ends[0]?.message).to.equal('a message could not be sent: this process has no memory left');
      // Behind the answer to the upgrade, there is the close frame: its code is 1013.
      const said = Buffer.concat(stream.written.slice(1));
      expect(said.length === 0 ? undefined : said.readUInt16BE(2)).to.equal(isShort(2) ? undefined : 1013);
      link.release();
    });
  }

  it("does not reuse the memory of a frame that a program's stream still holds", async () => {
    const held: Buffer[] = [];
    const stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        held.push(chunk);
        done();
      },
    });
    const config = unwrap(resolveConnectionConfig({ endpoint: 'ws://127.0.0.1:1' }));
    const link = new WebSocketLink(openWebSocket(stream), stream, 'none', config);
    held.length = 0;
    for (const value of [1, 2, 3]) {
      const message = new Uint8Array(32 * 1024).fill(value);
      expect(link.writer.tryWrite(0, message, 0, message.length)).to.equal(true);
      link.writer.flush();
      await turns(2);
    }
    expect(held.map((frame) => frame.at(-1))).to.deep.equal([1, 2, 3]);
    link.release();
  });
});

describe("a link over the platform's WebSocket", () => {
  it('ends if there is no memory for a frame, and says so to the peer', () => {
    const closes: unknown[] = [];
    const webSocket: PlatformWebSocket = {
      readyState: OPEN,
      bufferedAmount: 0,
      protocol: SUBPROTOCOL,
      binaryType: 'arraybuffer',
      send: () => undefined,
      close: (...given) => closes.push(given),
      addEventListener: () => undefined,
    };
    const link = new PlatformLink(webSocket, unwrap(resolveConnectionConfig({ endpoint: 'ws://127.0.0.1:1' })));
    const ends = endsOf(link);
    link.start();
    const message = new Uint8Array(100_000);
    withoutMemory(
      () => {
        expect(link.writer.tryWrite(0, message, 0, message.length)).to.equal(false);
      },
      (length) => length > 1024,
    );
    const sentence = 'a message could not be sent: this process has no memory left';
    expect(ends.map((error) => error?.message)).to.deep.equal([sentence]);
    expect(closes).to.deep.equal([[4013, sentence]]);
  });
});
