import { turns, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { requestReply } from '@entropynet/messaging';
import { expect } from 'chai';
import { codeOf, failureOf, SOON } from './messaging-support.js';
import { describeOverTransports } from './transport-bench.js';

const MAYBE = 'the peer may or may not have handled the request';
const NOT_SENT = 'there was no connection, and the request was not sent';

const never = (): Promise<never> => new Promise(() => undefined);

describeOverTransports('requests of a handle that reconnects', (bench) => {
  /** Answers on each new connection, with the number of that connection. */
  async function restartable(handled: unknown[]): Promise<{ client: ConnectionHandle; accepted: ConnectionHandle[] }> {
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
    return { client: bench.open(service.config), accepted };
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
    const client = bench.open(service.config);
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
    expect(codeOf(await within(others.request('x', { timeoutMs: 60_000 }), 'it failed'))).to.equal('ConnectionClosed');
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
    const client = bench.open(service.config);
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
