import { expect } from 'chai';
import { unwrap } from '@entropynet/core';
import { codeOf, freshName, listen, makeManager, messageOf } from './manager-support.js';

describe('a manager with several transports', () => {
  const { manager, pigeon, lines } = makeManager();

  afterEach(async () => {
    await manager.closeAll();
    pigeon.unavailable = undefined;
    pigeon.breaks = false;
    lines.length = 0;
  });

  after(() => {
    manager.release();
  });

  describe('selection', () => {
    it('uses the first endpoint that works, and gives the reasons against earlier ones', async () => {
      const name = freshName();
      await listen(manager, { endpoint: `loopback://${name}` });
      pigeon.unavailable = 'the loft is closed';
      const handle = unwrap(manager.openConnection({ endpoint: `pigeon://${name}`, fallback: [`loopback://${name}`] }));
      unwrap(await handle.connect());
      expect(handle.getSelection()).to.deep.equal({
        backend: 'loopback',
        endpoint: `loopback://${name}`,
        passedOver: [
          {
            backend: 'carrier-pigeon',
            endpoint: `pigeon://${name}`,
            code: 'TransportUnavailable',
            reason: 'the loft is closed',
          },
        ],
      });
      expect(lines).to.have.length(1);
      expect(lines[0]).to.contain('the loft is closed');
    });

    it("continues when an available transport can't connect", async () => {
      const name = freshName();
      await listen(manager, { endpoint: `loopback://${name}` });
      pigeon.breaks = true;
      const handle = unwrap(manager.openConnection({ endpoint: `pigeon://${name}`, fallback: [`loopback://${name}`] }));
      unwrap(await handle.connect());
      expect(handle.getSelection()?.passedOver[0]).to.include({
        code: 'HandshakeFailed',
        reason: 'the pigeon got lost',
      });
    });

    it('fails with every reason and the first code when nothing works, and may try again', async () => {
      const name = freshName();
      pigeon.breaks = true;
      const handle = unwrap(manager.openConnection({ endpoint: `pigeon://${name}`, fallback: [`loopback://${name}`] }));
      const states: string[] = [];
      handle.setStateCallback((state) => states.push(state));
      const failed = await handle.connect();
      expect(codeOf(failed)).to.equal('HandshakeFailed');
      expect(messageOf(failed)).to.contain('the pigeon got lost').and.to.contain('no loopback server');
      expect(states).to.deep.equal(['connecting', 'failed']);
      await listen(manager, { endpoint: `loopback://${name}` });
      expect(codeOf(await handle.connect())).to.equal('ok');
    });

    it('changes the transport with one word', async () => {
      const name = freshName();
      const config = { endpoint: `pigeon://${name}`, fallback: [`loopback://${name}-b`] };
      await listen(manager, config);
      for (const backend of ['carrier-pigeon', 'loopback']) {
        const handle = unwrap(manager.openConnection({ ...config, backend }));
        unwrap(await handle.connect());
        expect(handle.getBackend()).to.equal(backend);
        expect(handle.getSelection()?.passedOver).to.deep.equal([]);
      }
    });

    for (const [what, config, expected] of [
      ['an unknown backend', { endpoint: 'x', backend: 'smoke' }, ["'smoke'", 'loopback', 'carrier-pigeon']],
      ['an unknown scheme', { endpoint: 'smoke://x' }, ["'smoke'", 'pigeon://', 'loopback://']],
      [
        'a backend that serves none of the endpoints',
        { endpoint: 'x', backend: 'carrier-pigeon' },
        ['carrier-pigeon', 'pigeon'],
      ],
      ['an unknown key', { endpoint: 'x', speed: 9 }, ["'speed'", '9', 'endpoint']],
      ['a wrong type', { endpoint: 'x', sendTimeoutMs: 'soon' }, ["'sendTimeoutMs'", '"soon"', 'number']],
    ] as const) {
      it(`refuses ${what} and names the allowed values`, () => {
        for (const result of [manager.openConnection(config as never), manager.createServer(config as never)]) {
          expect(codeOf(result)).to.equal('InvalidParameter');
          for (const part of expected) expect(messageOf(result)).to.contain(part);
        }
        expect(manager.activeCount()).to.equal(0);
      });
    }

    it('keeps local and remote apart', () => {
      expect(codeOf(manager.openLocalConnection(freshName()))).to.equal('ok');
      expect(codeOf(manager.openRemoteConnection('pigeon://x'))).to.equal('ok');
      expect(messageOf(manager.openLocalConnection('pigeon://x'))).to.contain('loopback://');
      expect(messageOf(manager.openRemoteConnection('x'))).to.contain('pigeon://');
    });
  });

  describe('servers', () => {
    it('return clients of every transport', async () => {
      const name = freshName();
      const config = { endpoint: `pigeon://${name}`, fallback: [`loopback://${name}-b`] };
      const server = await listen(manager, config);
      const backends: (string | undefined)[] = [];
      for (const backend of ['carrier-pigeon', 'loopback']) {
        unwrap(await unwrap(manager.openConnection({ ...config, backend })).connect());
        backends.push(unwrap(await server.accept()).getBackend());
      }
      expect(backends).to.deep.equal(['loopback', 'loopback']);
      await server.close();
      expect(server.isListening()).to.equal(false);
      expect(codeOf(await server.accept())).to.equal('ConnectionClosed');
    });

    it('refuse a name that is taken, and then listen on nothing', async () => {
      const name = freshName();
      await listen(manager, { endpoint: `loopback://${name}` });
      const second = unwrap(
        manager.createServer({ endpoint: `loopback://${name}-b`, fallback: [`loopback://${name}`] }),
      );
      expect(codeOf(await second.listen())).to.equal('AddressInUse');
      expect(second.isListening()).to.equal(false);
    });
  });
});
