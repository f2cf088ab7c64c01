import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { turns, until } from '@entropynet/conformance/tools';
import { encodePeerLimits } from '@entropynet/core';
import { expect } from 'chai';
import {
  clientMessage,
  messageFrame,
  PEER_LIMITS,
  upgradeRequest,
  WebSocketFixtures,
  Witness,
} from '../support/web-socket/web-socket-fixtures.js';

/**
 * A client in a separate process. It sends messages, reports that, and waits for its death. The messages fit into the
 * kernel buffer of the receiver: TCP drops the bytes in the buffer of the dead sender at the first answer.
 */
const CLIENT_PROCESS = `
  import { writeSync } from 'node:fs';
  import { WebSocketConnection } from '@entropynet/transport-ws';
  const connection = new WebSocketConnection(process.argv[1]);
  const connected = await connection.connect();
  if (!connected.ok) throw connected.error;
  const message = new Uint8Array(100);
  for (let index = 0; index < 60; index += 1) {
    const sent = await connection.send(message);
    if (!sent.ok) throw sent.error;
  }
  setImmediate(() => writeSync(1, 'sent'));
  setInterval(() => undefined, 1000);
`;

describe('WebSocket: a peer that dies', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  it('is PeerDied, after all its messages', async () => {
    const server = await fixtures.serve();
    const arguments_ = ['--input-type=module', '--eval', CLIENT_PROCESS, server.address() ?? ''];
    const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] });
    fixtures.defer(() => child.kill('SIGKILL'));
    const connection = await fixtures.accept(server);
    // This side reads nothing before the death, so that everything is still in flight when it notices the death.
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const witness = new Witness(connection);
    let answers = 0;
    connection.on('message', () => {
      // Writing to a dead peer fails, and must not lose unread messages.
      if (connection.trySend(new Uint8Array(10)).ok) answers += 1;
    });
    await witness.ended();
    expect(witness.states).to.deep.equal(['failed']);
    expect(witness.error?.code).to.equal('PeerDied');
    expect(witness.messages).to.have.lengthOf(60);
    expect(answers).to.be.greaterThan(0);
  });

  it('delivers all its messages before its end, to a late receiver', async () => {
    const server = await fixtures.serve();
    const socket = await fixtures.tcp(server.address() ?? '');
    socket.write(upgradeRequest('/test'));
    socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
    const connection = await fixtures.accept(server);
    socket.write(Buffer.concat(['one', 'two', 'three'].map((text) => clientMessage(messageFrame(text)))));
    socket.end();
    await once(socket, 'finish');
    await turns(10);
    // In the timer phase, after which the event loop reads from sockets.
    await new Promise((resolve) => setTimeout(resolve, 1));
    const answers: boolean[] = [];
    connection.on('message', () => answers.push(connection.trySend(new Uint8Array(10)).ok));
    const witness = new Witness(connection);
    await witness.ended();
    expect(witness.texts).to.deep.equal(['one', 'two', 'three']);
    expect(answers).to.deep.equal([true, true, true]);
  });

  for (const how of ['end', 'resetAndDestroy'] as const) {
    it(`without a close frame (${how}) is PeerDied, once`, async () => {
      const server = await fixtures.serve();
      const socket = await fixtures.tcp(server.address() ?? '');
      socket.write(upgradeRequest('/test'));
      socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
      const witness = new Witness(await fixtures.accept(server));
      socket.write(clientMessage(messageFrame('last words')));
      await until(() => witness.messages.length === 1, 'the message arrived');
      socket[how]();
      await witness.ended();
      expect(witness.states).to.deep.equal(['failed']);
      expect(witness.error?.code).to.equal('PeerDied');
    });
  }

  it('with a close frame is a goodbye at once, also if the client keeps TCP open', async () => {
    const server = await fixtures.serve({ heartbeat: { intervalMs: 20, timeoutMs: 100 } });
    const socket = await fixtures.tcp(server.address() ?? '');
    socket.write(upgradeRequest('/test'));
    socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
    const witness = new Witness(await fixtures.accept(server));
    // It stops reading, so it sees neither the answer to its goodbye nor the end of TCP.
    socket.pause();
    const goodbye = Uint8Array.of(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8);
    socket.write(Buffer.concat([clientMessage(messageFrame('last words')), goodbye]));
    await witness.ended();
    expect(witness.states.at(-1)).to.equal('disconnected');
    expect(witness.error).to.equal(undefined);
    expect(witness.texts).to.deep.equal(['last words']);
    expect(socket.destroyed).to.equal(false);
  });

  it('with a close frame after slow messages is a goodbye, also if TCP ends at once', async () => {
    const server = await fixtures.serve();
    const socket = await fixtures.tcp(server.address() ?? '');
    socket.write(upgradeRequest('/test'));
    socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
    const connection = await fixtures.accept(server);
    connection.on('message', () => {
      // Longer than a slice: the rest waits while the event loop reads the end of the stream.
      const end = performance.now() + 3;
      while (performance.now() < end);
    });
    const witness = new Witness(connection);
    const messages = ['one', 'two', 'three'].map((text) => clientMessage(messageFrame(text)));
    socket.end(Buffer.concat([...messages, Uint8Array.of(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8)]));
    await witness.ended();
    expect(witness.states.at(-1)).to.equal('disconnected');
    expect(witness.texts).to.deep.equal(['one', 'two', 'three']);
  });

  it('is seen by a client too, which may connect again', async () => {
    const server = await fixtures.serve();
    const witness = new Witness(await fixtures.connect(server));
    const accepted = await fixtures.accept(server);
    accepted.startReceiving();
    await accepted.disconnect();
    await witness.ended();
    expect(witness.states.at(-1)).to.equal('disconnected');
    expect((await witness.connection.connect()).ok).to.equal(true);
    expect((await fixtures.accept(server)).isConnected()).to.equal(true);
  });
});
