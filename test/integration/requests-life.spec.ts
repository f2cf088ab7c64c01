import { scoped, startPeer, turns, until, within } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { requestReply, type RequestReply, toTypedPort } from '@entropynet/messaging';
import { expect } from 'chai';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { codeOf, describeOverTransports, failureOf, RawPeer, SOON } from './messaging-support.js';

const MAYBE = 'the peer may or may not have handled the request';
const NOT_SENT = 'there was no connection, and the request was not sent';

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

  describe('a handle that reconnects', () => {
    /** Answers on each connection that comes, with the number of that connection. */
    async function restartable(
      handled: unknown[],
    ): Promise<{ client: ConnectionHandle; accepted: ConnectionHandle[] }> {
      const service = await bench.serve({ reconnect: SOON });
      const accepted: ConnectionHandle[] = [];
      void (async () => {
        for (;;) {
          const handle = await service.accept();
          const number = accepted.push(handle);
          const requests = unwrap(await requestReply(handle));
          requests.handle((request) => {
            handled.push(request);
            return request === 'never' ? never() : `${String(request)} ${number}`;
          });
        }
      })().catch(() => undefined);
      return { client: unwrap(bench.manager.openConnection(service.config)), accepted };
    }

    it('keeps requests and their handler over all connections, the first included', async () => {
      const handled: unknown[] = [];
      const { client, accepted } = await restartable(handled);
      const requests = unwrap(await requestReply(client));
      const early = requests.request('early');
      unwrap(await client.connect());
      expect(unwrap(await within(early, 'the early request was answered'))).to.equal('early 1');
      for (const connection of [1, 2, 3]) {
        expect(unwrap(await requests.request('ask'))).to.equal(`ask ${connection}`);
        const again = new Promise((resolve) => client.once('reconnected', resolve));
        await accepted[connection - 1]!.close();
        await within(again, 'it was connected again');
      }
      expect(handled).to.deep.equal(['early', 'ask', 'ask', 'ask']);
    });

    it('answers the peer on each connection with the one handler', async () => {
      const service = await bench.serve({ reconnect: SOON });
      const client = unwrap(bench.manager.openConnection(service.config));
      const requests = unwrap(await requestReply(client));
      requests.handle((value) => `handled ${String(value)}`);
      const accepting = service.accept();
      unwrap(await client.connect());
      let accepted = await accepting;
      for (const round of [1, 2, 3]) {
        const far = unwrap(await requestReply(accepted));
        expect(unwrap(await far.request(round))).to.equal(`handled ${round}`);
        const next = service.accept();
        await accepted.close();
        accepted = await within(next, 'it came again');
      }
    });

    it('ends running requests at once as possibly handled, and sends nothing twice', async () => {
      const handled: unknown[] = [];
      const { client, accepted } = await restartable(handled);
      const requests = unwrap(await requestReply(client));
      unwrap(await client.connect());
      const asked = requests.request('never', { timeoutMs: 60_000 });
      await until(() => handled.length === 1, 'the request arrived');
      await accepted[0]!.close();
      const failure = failureOf(await within(asked, 'the request ended'));
      expect(failure.code).to.equal('ConnectionClosed');
      expect(failure.message).to.equal(`the connection ended; ${MAYBE}`);
      expect(unwrap(await within(requests.request('next'), 'the next was answered'))).to.equal('next 2');
      expect(handled).to.deep.equal(['never', 'next']);
    });

    it('makes a request wait while the program connects', async () => {
      const { client, accepted } = await restartable([]);
      const requests = unwrap(await requestReply(client));
      unwrap(await client.connect());
      await until(() => accepted.length === 1, 'it was accepted');
      await client.disconnect();
      const connecting = client.connect();
      const before = requests.request('x', { timeoutMs: 60_000 });
      unwrap(await connecting);
      expect(unwrap(await before)).to.equal('x 2');
    });

    it('reports as not sent a request that waited too long, was aborted, or exceeds the limit', async () => {
      const { client } = await restartable([]);
      const requests = unwrap(await requestReply(client, { maxPending: 2 }));
      const controller = new AbortController();
      const waiting = [requests.request('a', { timeoutMs: 20 }), requests.request('b', { signal: controller.signal })];
      expect(codeOf(await requests.request('c'))).to.equal('ResourceLimitExceeded');
      controller.abort();
      const [late, aborted] = await Promise.all(waiting);
      expect(failureOf(late!)).to.include({
        code: 'Timeout',
        message: `no reply within 20 ms (timeoutMs); ${NOT_SENT}`,
      });
      expect(failureOf(aborted!)).to.include({ code: 'Aborted', message: `the request was aborted; ${NOT_SENT}` });
      unwrap(await client.connect());
      expect(unwrap(await requests.request('d'))).to.equal('d 1');
    });

    it('fails requests at once if no connection follows', async () => {
      const [client, accepted] = await bench.connect();
      const requests = unwrap(await requestReply(client));
      await accepted.close();
      await within(client.closed, 'the connection ended');
      await turns(1);
      expect(codeOf(await within(requests.request('x', { timeoutMs: 60_000 }), 'it failed'))).to.equal(
        'ConnectionClosed',
      );
      const [other] = await bench.connect({ reconnect: SOON });
      const others = unwrap(await requestReply(other));
      await other.close();
      expect(codeOf(await within(others.request('x', { timeoutMs: 60_000 }), 'it failed'))).to.equal(
        'ConnectionClosed',
      );
      expect(codeOf(await requestReply(other))).to.equal('InvalidParameter');
    });

    it('ends requests that wait for a connection when the handle is closed', async () => {
      const { client } = await restartable([]);
      const requests = unwrap(await requestReply(client));
      const waiting = requests.request('x', { timeoutMs: 60_000 });
      await client.close();
      expect(failureOf(await within(waiting, 'it ended')).message).to.equal(`the connection has ended; ${NOT_SENT}`);
    });

    it('works again on a handle that the program connects', async () => {
      const service = await bench.serve();
      const client = unwrap(bench.manager.openConnection(service.config));
      const requests = unwrap(await requestReply(client));
      for (const round of [1, 2]) {
        const accepting = service.accept();
        unwrap(await client.connect());
        unwrap(await requestReply(await accepting)).handle((value) => value);
        expect(unwrap(await requests.request(round))).to.equal(round);
        unwrap(await client.disconnect());
        expect(codeOf(await requests.request('between'))).to.equal('ConnectionClosed');
      }
    });

    it('reports a channel that another consumer takes on a later connection', async () => {
      const { client, accepted } = await restartable([]);
      const errors: string[] = [];
      client.on('error', ({ message }) => errors.push(message));
      client.onConnected((connection, { generation }) => {
        if (generation === 2) connection.setChannelMessageCallback('requests', () => undefined);
      });
      const requests = unwrap(await requestReply(client));
      unwrap(await client.connect());
      expect(unwrap(await requests.request('x'))).to.equal('x 1');
      const again = new Promise((resolve) => client.once('reconnected', resolve));
      await accepted[0]!.close();
      await within(again, 'it was connected again');
      const failure = failureOf(await requests.request('y'));
      expect(failure.code).to.equal('AlreadyExists');
      await until(() => errors.length === 1, 'it was reported');
      expect(errors[0]).to.contain('a message callback takes the messages of channel "requests"');
    });
  });

  describe('late replies', () => {
    it('never meet a request of another instance or connection', async () => {
      const service = await bench.serve({ reconnect: SOON });
      const client = unwrap(bench.manager.openConnection(service.config));
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
      // A peer of the first release sends its reply over whichever connection it has by then.
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
      const client = unwrap(bench.manager.openConnection(service.config));
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
