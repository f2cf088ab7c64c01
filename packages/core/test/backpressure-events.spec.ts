import { codeOf, until, within } from '@entropynet/conformance/tools';
import { type Connection, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

const NAME = 'entropynet:backpressure';

describe('a subscriber of backpressure', () => {
  let server: LoopbackServer;
  let client: LoopbackConnection;
  let accepted: Connection;
  let reports = 0;
  let act: () => void = () => undefined;

  const onReport = (message: unknown): void => {
    if ((message as { connection: unknown }).connection !== client) return;
    reports += 1;
    act();
  };

  beforeEach(async () => {
    server = new LoopbackServer({ endpoint: randomUUID() });
    unwrap(await server.listen());
    client = new LoopbackConnection({ endpoint: server.address()! });
    unwrap(await client.connect());
    accepted = unwrap(await server.accept());
    accepted.startReceiving();
    unwrap(await client.openChannel('x'));
    // Only a message of more than about 1000 bytes has to wait.
    const { sendWindow } = client.channel('x').getStats();
    for (let window = sendWindow; window > 1100; { sendWindow: window } = client.channel('x').getStats())
      unwrap(client.trySendOnChannel('x', new Uint8Array(Math.min(window - 1016, 60_000))));
    reports = 0;
    subscribe(NAME, onReport);
  });

  afterEach(async () => {
    unsubscribe(NAME, onReport);
    act = () => undefined;
    await client.disconnect();
    await server.close();
  });

  it('may send again: one refusal is reported once', () => {
    act = () => {
      expect(codeOf(client.trySendOnChannel('x', new Uint8Array(1500)))).to.equal('WouldBlock');
    };
    expect(codeOf(client.trySendOnChannel('x', new Uint8Array(1500)))).to.equal('WouldBlock');
    expect(reports).to.equal(1);
    expect(client.wouldBlockCount()).to.equal(2);
  });

  it('may let more messages wait: they go behind the one that is reported', async () => {
    const lengths: number[] = [];
    act = () => void client.sendOnChannel('x', new Uint8Array(1600));
    const sent = client.sendOnChannel('x', new Uint8Array(1500));
    expect(reports).to.equal(1);
    accepted.channel('x').setMessageCallback(({ length }) => lengths.push(length));
    unwrap(await sent);
    await until(() => lengths.at(-1) === 1600, 'both messages arrived');
    expect(lengths.slice(-2)).to.deep.equal([1500, 1600]);
  });

  it('may close the channel: the waiting message ends with it, and the connection stays', async () => {
    const closing: Promise<unknown>[] = [];
    act = () => void closing.push(client.closeChannel('x'));
    const sent = client.sendOnChannel('x', new Uint8Array(300_000));
    let received = 0;
    accepted.setMessageCallback(() => (received += 1));
    unwrap(await client.send(Uint8Array.of(1)));
    await until(() => received === 1, 'a later message arrived');
    accepted.channel('x').setMessageCallback(() => undefined);
    await within(Promise.all([sent, ...closing]), 'both calls ended');
    unwrap(await client.send(Uint8Array.of(2)));
    await until(() => received === 2 || !accepted.isConnected(), 'a last message arrived');
    expect([client.getState(), accepted.getState()]).to.deep.equal(['connected', 'connected']);
  });

  it('may abort the send: the message is not delivered', async () => {
    const stop = new AbortController();
    const lengths: number[] = [];
    act = () => stop.abort();
    expect(codeOf(await client.sendOnChannel('x', new Uint8Array(1500), { signal: stop.signal }))).to.equal('Aborted');
    accepted.channel('x').setMessageCallback(({ length }) => lengths.push(length));
    act = () => undefined;
    unwrap(await client.sendOnChannel('x', new Uint8Array(7)));
    await until(() => lengths.at(-1) === 7, 'the next message arrived');
    expect(lengths).to.not.include(1500);
  });
});
