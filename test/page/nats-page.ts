import { skippedTest } from '@entropynet/conformance/tools';
import { NetworkError, unwrap } from '@entropynet/core';
import { NatsConnection, NatsConnectionServer, type NatsOptions } from '@entropynet/transport-nats';
import { expect } from 'chai';
import { startPeer } from './peer-host.js';

/** The behaviour of the NATS transport that only a page has. */
export function describeNatsPage(query: URLSearchParams): void {
  describe('a page over NATS', () => {
    const [tcp, webSocket] = [query.get('nats'), query.get('natsWebSocket')].map(
      (port) => `nats://127.0.0.1:${port ?? ''}`,
    );

    const missing = query.get('natsMissing');
    if (missing !== null) {
      skippedTest('works', missing);
      return;
    }

    it('listens, and a process that uses TCP connects to it', async () => {
      const service = `page-${crypto.randomUUID()}`;
      const server = new NatsConnectionServer({ endpoint: `${webSocket ?? ''}/${service}` });
      const peer = await startPeer('other process', {
        specifier: '@entropynet/transport-nats',
        className: 'NatsTransport',
      });
      try {
        unwrap(await server.listen());
        const connected = peer.actions.connect({ endpoint: `${tcp ?? ''}/${service}` });
        const accepted = unwrap(await server.accept());
        const ended = accepted.closed;
        accepted.startReceiving();
        expect(await connected).to.equal('ok');
        await peer[Symbol.asyncDispose]();
        expect((await ended).error?.code).to.equal('PeerDied');
      } finally {
        await peer[Symbol.asyncDispose]();
        await server.close();
      }
    });

    it('gives TransportUnavailable and the address if no WebSocket listener is there', async () => {
      // The NATS server closes a connection that speaks another protocol.
      const connected = await new NatsConnection(`${tcp ?? ''}/nobody`).connect();
      if (connected.ok) throw new Error('connected');
      expect(connected.error.code).to.equal('TransportUnavailable');
      expect(connected.error.message)
        .to.contain(`ws://${tcp?.slice('nats://'.length) ?? ''}`)
        .and.to.contain("'websocket' listener");
    });

    const refused: Readonly<Record<string, NatsOptions>> = {
      'nats.tls.certificateAuthority': { tls: { certificateAuthority: 'a certificate' } },
      'nats.tls.certificate': { tls: { certificate: 'a certificate', privateKey: 'its key' } },
      'nats.tls.rejectUnauthorized': { tls: { rejectUnauthorized: false } },
      'nats.tls.handshakeFirst': { tls: { handshakeFirst: true } },
    };
    for (const [key, nats] of Object.entries(refused)) {
      it(`refuses '${key}', because the browser decides about TLS`, () => {
        const config = { endpoint: `${webSocket ?? ''}/nobody`, nats };
        for (const create of [() => new NatsConnection(config), () => new NatsConnectionServer(config)]) {
          expect(create).to.throw(NetworkError, `'${key}' was given`);
        }
      });
    }
  });
}
