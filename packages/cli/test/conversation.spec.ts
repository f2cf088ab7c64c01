import { endOf } from '@entropynet/cli/internal/support/conversation';
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
