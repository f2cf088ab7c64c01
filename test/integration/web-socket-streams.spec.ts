import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Duplex } from 'node:stream';
import { unwrap } from '@entropynet/core';
import { until } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { WebSocketFixtures, Witness } from '../support/web-socket/web-socket-fixtures.js';

/** The stream of some proxies and frameworks: it has the bytes of a socket and no other member. */
class PlainStream extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
    socket.on('error', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, onDone: () => void): void {
    this.#socket.write(chunk, () => {
      onDone();
    });
  }

  override _final(onDone: () => void): void {
    this.#socket.end(onDone);
  }

  override _destroy(error: Error | null, onDone: (error: Error | null) => void): void {
    this.#socket.destroy();
    onDone(error);
  }
}

describe('WebSocket: an upgrade on a stream that is no socket', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  it('becomes a full connection', async () => {
    // Only arriving bytes tell the heartbeat that the client lives.
    const heartbeat = { intervalMs: 50, timeoutMs: 60_000 };
    const server = await fixtures.serve({ noServer: true, heartbeat }, 'ws://localhost/routed');
    const http = createHttpServer();
    http.on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head);
    });
    const front = createServer((socket) => http.emit('connection', new PlainStream(socket)));
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    fixtures.defer(() => front.close());

    const client = fixtures.client(`ws://127.0.0.1:${(front.address() as AddressInfo).port}/`);
    unwrap(await client.connect());
    const accepted = await fixtures.accept(server);
    const witness = new Witness(accepted);
    accepted.unref();
    accepted.ref();
    // Bytes arrive in each turn, so some arrive between any two beats.
    let isUnresponsive = false;
    accepted.on('unresponsive', () => {
      isUnresponsive = true;
    });
    const end = performance.now() + 500;
    await until(async () => {
      unwrap(await client.send(Buffer.from('hello')));
      return performance.now() > end;
    }, 'some beats have passed');
    expect(isUnresponsive).to.equal(false);
    expect(witness.texts[0]).to.equal('hello');
    expect(accepted.peer.address).to.equal(undefined);
    unwrap(await client.disconnect());
    await witness.ended();
    expect(witness.states.at(-1)).to.equal('disconnected');
  });
});
