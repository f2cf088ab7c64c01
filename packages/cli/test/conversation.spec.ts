import { Writable } from 'node:stream';
import { turns } from '@entropynet/conformance/tools';
import { endOf, showMessages } from '@entropynet/cli/internal/support/conversation';
import type { Terminal } from '@entropynet/cli/internal/support/terminal';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';
import { NetworkError, unwrap } from '@entropynet/core';
import { freshName } from '@entropynet/test/support/fresh-name';
import { expect } from 'chai';

/** A connection that a test breaks. */
class Breakable extends LoopbackConnection {
  break(error: NetworkError): void {
    this.onStateChanged('failed', error);
  }
}

describe('the end of a conversation', () => {
  it('has its error, also if it came before anybody asked', async () => {
    const server = new LoopbackServer({ endpoint: freshName() });
    unwrap(await server.listen());
    const connection = new Breakable({ endpoint: server.address() ?? '' });
    unwrap(await connection.connect());
    const error = new NetworkError('PeerDied', 'the peer is gone');
    connection.break(error);
    expect(await endOf(connection)).to.equal(error);
    unwrap(await connection.connect());
    unwrap(await connection.disconnect());
    expect(await endOf(connection)).to.equal(undefined);
    await server.close();
  });
});

/** An output whose reader reads nothing until the test lets it. */
class StuckOutput extends Writable {
  text = '';
  #isRead = false;
  #goOn: () => void = () => undefined;

  override _write(chunk: Buffer, _encoding: string, onDone: () => void): void {
    this.text += chunk.toString();
    if (this.#isRead) onDone();
    else this.#goOn = onDone;
  }

  read(): void {
    this.#isRead = true;
    this.#goOn();
  }
}

describe('the messages of a peer', () => {
  it('stay with the peer while nobody reads standard output, and are all printed in the end', async () => {
    const server = new LoopbackServer({ endpoint: freshName() });
    unwrap(await server.listen());
    const connection = new LoopbackConnection({ endpoint: server.address() ?? '' });
    unwrap(await connection.connect());
    const peer = unwrap(await server.accept());
    const output = new StuckOutput();
    const terminal = { output } as unknown as Terminal;
    const shown = showMessages(terminal, connection, {});
    const line = 'x'.repeat(10_000);
    let sent = 0;
    for (let round = 0; round < 1000; round += 1) {
      if (peer.trySend(Buffer.from(line)).ok) sent += 1;
      await turns(1);
    }
    expect(sent).to.be.lessThan(1000);
    expect(output.writableLength).to.be.lessThan(100_000);
    await peer.disconnect();
    output.read();
    await shown;
    await turns(1);
    expect(output.text).to.equal(`${line}\n`.repeat(sent));
    await connection.disconnect();
    await server.close();
  });
});
