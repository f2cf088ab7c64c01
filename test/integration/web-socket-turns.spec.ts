import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { WebSocketFixtures, Witness } from '../support/web-socket/web-socket-fixtures.js';

const MESSAGES = 300;

/** The child's program: connects, sends in one tick, and exits in the same. */
const LAST_WORDS = `
import { WebSocketConnection } from '@entropynet/transport-ws';
const connection = new WebSocketConnection(process.argv[1]);
const connected = await connection.connect();
if (!connected.ok) throw connected.error;
for (const word of ['first', 'second', 'last']) {
  const sent = connection.trySend(new TextEncoder().encode(word));
  if (!sent.ok) throw sent.error;
}
process.exit(7);
`;

describe('WebSocket: turns of the event loop', () => {
  const fixtures = new WebSocketFixtures();
  afterEach(() => fixtures.dispose());

  it('lets a timer fire between the messages of a flood, and keeps their order', async () => {
    const server = await fixtures.serve();
    const client = await fixtures.connect(server);
    const accepted = await fixtures.accept(server);
    const received: number[] = [];
    accepted.setMessageCallback((data) => {
      received.push(data[0]! + 256 * data[1]!);
      const end = performance.now() + 1;
      while (performance.now() < end);
    });
    let receivedAtTimer: number | undefined;
    setTimeout(() => (receivedAtTimer = received.length), 10);
    accepted.startReceiving();
    for (let index = 0; index < MESSAGES; index += 1) unwrap(client.trySend(Uint8Array.of(index & 0xff, index >>> 8)));
    await until(() => received.length === MESSAGES, 'everything arrived');
    expect(receivedAtTimer).to.be.lessThan(MESSAGES / 2);
    expect(received).to.deep.equal(Array.from({ length: MESSAGES }, (_unused, index) => index));
  });

  it('continues to send after a test framework delayed microtasks', async () => {
    const server = await fixtures.serve();
    const client = await fixtures.connect(server);
    const witness = new Witness(await fixtures.accept(server));
    const real = globalThis.queueMicrotask;
    globalThis.queueMicrotask = () => undefined;
    try {
      unwrap(client.trySend(new TextEncoder().encode('while they are put off')));
    } finally {
      globalThis.queueMicrotask = real;
    }
    unwrap(client.trySend(new TextEncoder().encode('afterwards')));
    await until(() => witness.messages.length === 2, 'both arrived');
    expect(witness.texts).to.deep.equal(['while they are put off', 'afterwards']);
  });

  it('delivers messages that were accepted right before process.exit()', async () => {
    const server = await fixtures.serve();
    const child = spawn(process.execPath, ['--input-type=module', '-e', LAST_WORDS, server.address()!], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exited = once(child, 'exit');
    const witness = new Witness(await fixtures.accept(server));
    await witness.ended();
    expect(witness.texts).to.deep.equal(['first', 'second', 'last']);
    expect(await exited).to.deep.equal([7, null]);
  });
});
