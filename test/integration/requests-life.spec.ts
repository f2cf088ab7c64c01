import { scoped, startPeer, turns, until, within } from '@entropynet/conformance/tools';
import { type NetworkConnection, type Result, unwrap } from '@entropynet/core';
import { requestReply, type RequestReply, toTypedPort } from '@entropynet/messaging';
import { expect } from 'chai';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { codeOf, failureOf, RawPeer, SOON } from './messaging-support.js';
import { describeOverTransports } from './transport-bench.js';

const MAYBE = 'the peer may or may not have handled the request';

const never = (): Promise<never> => new Promise(() => undefined);

describeOverTransports('the life of requests', (bench) => {
  describe('one consumer of a channel', () => {
    it('refuses a second one by name, and takes no reply', async () => {
      const [client, accepted] = await bench.connect();
      const first = unwrap(await requestReply(client));
      unwrap(await requestReply(accepted)).handle((value) => value);
      const second = failureOf(await requestReply(client));
      expect(second.code).to.equal('AlreadyExists');
      expect(second.message).to.match(/^requestReply\(\) takes the messages of channel "requests" already/);
      const takers = [
        () => client.messages({ channel: 'requests' }),
        () => toTypedPort(client, { channel: 'requests' }).values(),
        () => {
          client.setChannelMessageCallback('requests', () => undefined);
        },
      ];
      for (const take of takers) expect(take).to.throw('requestReply() takes the messages of channel "requests"');
      expect(unwrap(await first.request('mine'))).to.equal('mine');
      expect(codeOf(await requestReply(client, { channel: 'others' }))).to.equal('ok');
    });

    it('is refused if another consumer has the messages', async () => {
      const [client] = await bench.connect();
      client.setChannelMessageCallback('requests', () => undefined);
      expect(failureOf(await requestReply(client)).message).to.match(/^a message callback takes the messages of/);
      client.setChannelMessageCallback('requests', null);
      expect(codeOf(await requestReply(client))).to.equal('ok');
    });

    it('releases the channel at each close', async () => {
      const [client, accepted] = await bench.connect({ maxChannels: 2 });
      for (let round = 0; round < 12; round += 1) {
        const near = unwrap(await requestReply(client));
        const far = unwrap(await requestReply(accepted));
        far.handle((value) => value);
        expect(unwrap(await near.request(round))).to.equal(round);
        await near.close();
        await far.close();
        expect([...client.channels(), ...accepted.channels()]).to.deep.equal([]);
      }
    });

    it('may close and begin again without waiting', async () => {
      const [client, accepted] = await bench.connect();
      const first = unwrap(await requestReply(client));
      void first.close();
      const next = unwrap(await within(requestReply(client), 'the next one began'));
      const far = unwrap(await requestReply(accepted));
      far.handle((value) => value);
      expect(unwrap(await next.request('again'))).to.equal('again');
    });

    it('cancels its requests at the peer if the channel stays open', async () => {
      const [client, accepted] = await bench.connect();
      const near = unwrap(await requestReply(client));
      await until(() => accepted.isChannelOpen('requests'), "the channel is the peer's");
      const far = unwrap(await requestReply(accepted));
      const signals: AbortSignal[] = [];
      const wait = (_request: unknown, { signal }: { signal: AbortSignal }): Promise<never> => {
        signals.push(signal);
        return never();
      };
      near.handle(wait);
      far.handle(wait);
      const [asked, askedBack] = [near.request('x', { timeoutMs: 60_000 }), far.request('y', { timeoutMs: 60_000 })];
      await until(() => signals.length === 2, 'both are handled');
      await far.close();
      const failure = failureOf(await within(asked, 'the request ended'));
      expect(failure.code).to.equal('ConnectionClosed');
      expect(failure.message).to.equal('the peer did not reply: these requests were closed');
      expect(failureOf(await askedBack).message).to.equal(`these requests were closed; ${MAYBE}`);
      await until(() => signals.every(({ aborted }) => aborted), 'both handlers were told');
      expect(codeOf(await far.request('z'))).to.equal('ConnectionClosed');
    });

    it('refuses a request that a handler makes because close() aborts its signal', async () => {
      const [client, accepted] = await bench.connect();
      const far = unwrap(await requestReply(accepted));
      await until(() => client.isChannelOpen('requests'), "the channel is the peer's");
      const near = unwrap(await requestReply(client));
      const handled: unknown[] = [];
      far.handle((value) => handled.push(value));
      let begun = false;
      let late: Promise<Result<unknown>> | undefined;
      near.handle((_request, { signal }) => {
        signal.addEventListener('abort', () => {
          late = near.request('late', { timeoutMs: 60_000 });
        });
        begun = true;
        return never();
      });
      void far.request('work', { timeoutMs: 60_000 });
      await until(() => begun, 'the handler runs');
      await near.close();
      expect(late, 'the handler was told').to.not.equal(undefined);
      const failure = failureOf(await within(late!, 'the request ended'));
      expect(failure.code).to.equal('ConnectionClosed');
      expect(failure.message).to.equal('these requests were closed');
      // The peer handles requests in their order.
      unwrap(await unwrap(await requestReply(client)).request('next'));
      expect(handled).to.deep.equal(['next']);
    });

    it('ends with the channel when the peer closes it, and reports that', async () => {
      const [client, accepted] = await bench.connect();
      const near = unwrap(await requestReply(client));
      unwrap(await requestReply(accepted)).handle(never);
      const asked = near.request('x', { timeoutMs: 60_000 });
      await turns(5);
      unwrap(await accepted.closeChannel('requests'));
      const failure = failureOf(await within(asked, 'the request ended'));
      expect(failure.code).to.equal('ConnectionClosed');
      expect(failure.message).to.equal(`channel "requests" was closed; ${MAYBE}`);
      expect(codeOf(await near.request('y'))).to.equal('ConnectionClosed');
    });

    it('names an invalid channel and invalid numbers', async () => {
      const [client] = await bench.connect();
      expect(codeOf(await requestReply(client, { channel: '' }))).to.equal('InvalidParameter');
      for (const options of [
        { timeoutMs: 0 },
        { maxPending: NaN },
        { maxHandled: -1 },
        { handlerTimeoutMs: 2 ** 31 },
      ]) {
        const failure = failureOf(await requestReply(client, options));
        expect(failure.code).to.equal('InvalidParameter');
        expect(failure.message).to.contain(Object.keys(options)[0]);
      }
    });
  });

  describe('a value that runs code of the program while it is encoded', () => {
    it('is not sent if that code aborts the request', async () => {
      const [client, accepted] = await bench.connect();
      const requests = unwrap(await requestReply(client));
      const peer = await RawPeer.on(accepted);
      const abortion = new AbortController();
      const aborting = {
        toJSON: () => {
          abortion.abort();
          return 'aborted';
        },
      };
      const asked = requests.request(aborting, { signal: abortion.signal, timeoutMs: 60_000 });
      const failure = failureOf(await within(asked, 'the request ended'));
      expect(failure.code).to.equal('Aborted');
      expect(failure.message).to.equal('the request was aborted; it was not sent');
      void requests.request('next');
      await peer.requestNumber(0);
      expect(peer.requests.map(({ text }) => text)).to.deep.equal(['"next"']);
    });

    it('fails at once if that code closes the requests', async () => {
      const [client] = await bench.connect();
      const requests = unwrap(await requestReply(client));
      const closing = {
        toJSON: () => {
          void requests.close();
          return 'closed';
        },
      };
      const failure = failureOf(await within(requests.request(closing, { timeoutMs: 60_000 }), 'the request ended'));
      expect(failure.code).to.equal('ConnectionClosed');
      expect(failure.message).to.equal('these requests were closed');
    });

    it('waits for no reply if that code has sent as many requests as may wait', async () => {
      const [client] = await bench.connect();
      const requests = unwrap(await requestReply(client, { maxPending: 1 }));
      const sending = {
        toJSON: () => {
          void requests.request('first');
          return 'second';
        },
      };
      const failure = failureOf(await within(requests.request(sending, { timeoutMs: 60_000 }), 'the request ended'));
      expect(failure.code).to.equal('ResourceLimitExceeded');
    });
  });

  describe('late replies', () => {
    it('never meet a request of another instance or connection', async () => {
      const service = await bench.serve({ reconnect: SOON });
      const client = bench.open(service.config);
      let accepting = service.accept();
      unwrap(await client.connect());
      const peer = await RawPeer.on(client);
      const first = await accepting;
      const old = unwrap(await requestReply(first));
      const lost = old.request('slow', { timeoutMs: 60_000 });
      const oldNumber = await peer.requestNumber(0);
      accepting = service.accept();
      await first.close();
      expect(codeOf(await within(lost, 'the request ended'))).to.equal('ConnectionClosed');
      const second = await within(accepting, 'it came again');
      await until(() => client.isConnected(), 'the client knows it');
      unwrap(await client.openChannel('requests'));
      const now = unwrap(await requestReply(second));
      const asked = now.request('quick', { timeoutMs: 60_000 });
      const number = await peer.requestNumber(1);
      // A peer of the first release sends its reply over the connection that it has by then.
      await peer.say([2], oldNumber, '"reply to slow"');
      await peer.say([2], number, '"reply to quick"');
      expect(unwrap(await within(asked, 'the reply came'))).to.equal('reply to quick');
      expect(codeOf(await old.request('x'))).to.equal('ConnectionClosed');
    });

    it('do not match the next requests on the same connection', async () => {
      const [client, accepted] = await bench.connect();
      const peer = await RawPeer.on(client);
      await until(() => accepted.isChannelOpen('requests'), "the channel is the peer's");
      const numbers = new Set<string>();
      for (let round = 0; round < 20; round += 1) {
        const requests = unwrap(await requestReply(accepted));
        const asked = requests.request(round, { timeoutMs: 60_000 });
        numbers.add(Buffer.from(await peer.requestNumber(round)).toString('hex'));
        await requests.close();
        expect(codeOf(await asked)).to.equal('ConnectionClosed');
      }
      expect(numbers.size).to.equal(20);
    });

    it('end with the connection of their instance', async () => {
      const service = await bench.serve({ reconnect: SOON });
      const client = bench.open(service.config);
      const instances: Promise<RequestReply>[] = [];
      client.onConnected((connection: NetworkConnection) => {
        instances.push(requestReply(connection).then(unwrap));
      });
      let accepting = service.accept();
      unwrap(await client.connect());
      const first = await accepting;
      unwrap(await requestReply(first)).handle((value) => value);
      const old = await instances[0]!;
      expect(unwrap(await old.request('x'))).to.equal('x');
      accepting = service.accept();
      await first.close();
      unwrap(await requestReply(await within(accepting, 'it came again'))).handle((value) => value);
      await until(() => instances.length === 2, 'the next instance was made');
      const now = await instances[1]!;
      expect(failureOf(await old.request('y')).code).to.equal('ConnectionClosed');
      expect(unwrap(await now.request('z'))).to.equal('z');
    });
  });
});

describe('requests to a peer that dies', () => {
  it(
    'end with PeerDied, as possibly handled',
    scoped(async (scope) => {
      const host = scope.add(await startPeer('other process', webSocketFixture.peerModule));
      const config = webSocketFixture.freshConfig();
      const address = await host.actions.listen(config);
      void host.actions.accept({ receive: [{}] }).catch(() => undefined);
      const connection = webSocketFixture
        .createTransport()
        .createConnection({ ...config, ...webSocketFixture.clientConfig(config, address) });
      scope.defer(() => connection.disconnect());
      unwrap(await connection.connect());
      const requests = unwrap(await requestReply(connection));
      const asked = requests.request('x', { timeoutMs: 60_000 });
      await turns(10);
      host.signal('SIGKILL');
      const failure = failureOf(await within(asked, 'the request ended'));
      expect(failure.code).to.equal('PeerDied');
      expect(failure.message).to.match(new RegExp(`^the connection ended: .+; ${MAYBE}$`));
      expect(failure.cause).to.include({ code: 'PeerDied' });
    }),
  );
});
