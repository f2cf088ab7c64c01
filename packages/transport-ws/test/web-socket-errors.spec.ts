import {
  closeErrorOf,
  connectErrorOf,
  listenErrorOf,
} from '@entropynet/transport-ws/internal/protocol/web-socket-errors';
import { parseWebSocketAddress } from '@entropynet/transport-ws/internal/protocol/web-socket-address';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';

describe('errors of WebSocket', () => {
  const address = unwrap(parseWebSocketAddress('ws://127.0.0.1:8080/canvas'));
  const systemError = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

  for (const [code, words] of [
    ['EMFILE', 'this process has no file descriptor left: close some, or raise "ulimit -n" (EMFILE)'],
    ['ENFILE', 'the system has no file descriptor left (ENFILE)'],
    ['ENOBUFS', 'the system has no memory left (ENOBUFS)'],
  ] as const) {
    it(`name the resource that ran out, and the address: ${code}`, () => {
      const connecting = connectErrorOf(systemError(code), address);
      expect(connecting.code).to.equal('ResourceLimitExceeded');
      expect(connecting.message).to.equal(`no WebSocket connection to 127.0.0.1:8080: ${words}`);
      const listening = listenErrorOf(systemError(code), '127.0.0.1:8080');
      expect(listening.code).to.equal('ResourceLimitExceeded');
      expect(listening.message).to.equal(`can't listen at 127.0.0.1:8080: ${words}`);
    });
  }

  it('name both reasons for which a server ends a handshake without an answer', () => {
    const { code, message } = connectErrorOf(systemError('ECONNRESET'), address);
    expect(code).to.equal('PeerDied');
    expect(message).to.include('127.0.0.1:8080').and.include('went away').and.include('no file descriptor left');
  });

  it('have the meaning of the close code that a WebSocket itself sends for text that is not UTF-8', () => {
    expect(closeErrorOf(1007, '')?.code).to.equal('InvalidMessage');
  });

  it('are errors for every thrown value', () => {
    for (const thrown of [undefined, null, 'text', 5, {}, Object.create(null) as object]) {
      expect(connectErrorOf(thrown, address).code).to.equal('HandshakeFailed');
      expect(listenErrorOf(thrown, 'there').code).to.equal('TransportUnavailable');
    }
  });
});
