import { turns, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { toTypedPort } from '@entropynet/messaging';
import { expect } from 'chai';
import { z } from 'zod';
import { unhandledDuring } from '../support/unhandled.js';
import { SOON } from './messaging-support.js';
import { describeOverTransports } from './transport-bench.js';

const AlreadyTaken = /^a typed port takes the messages of the default channel already/;

describeOverTransports('the life of typed ports', (bench) => {
  it('has the messages of its channel from the call of values() to the end of the loop', async () => {
    const [client, accepted] = await bench.connect();
    const near = toTypedPort<number>(client);
    const far = toTypedPort<number>(accepted);
    const values = far.values();
    expect(() => far.values()).to.throw(AlreadyTaken);
    expect(() => accepted.messages()).to.throw(AlreadyTaken);
    expect(() => {
      accepted.setMessageCallback(() => undefined);
    }).to.throw(AlreadyTaken);
    for (const value of [1, 2, 3]) unwrap(await near.send(value));
    expect(await within(values.next(), 'the first came')).to.deep.equal({ done: false, value: 1 });
    expect(() => far.values(), 'also between two values').to.throw(AlreadyTaken);
    await values.return?.();
    const rest: number[] = [];
    for await (const value of far) if (rest.push(value) === 2) break;
    expect(rest).to.deep.equal([2, 3]);
    accepted.setMessageCallback(() => undefined);
  });

  it('returns values in order to concurrent callers', async () => {
    const [client, accepted] = await bench.connect();
    const schema = z.number().refine(async (value) => {
      await turns(4 - value);
      return true;
    });
    const values = toTypedPort(accepted, { schema }).values();
    const asked = Promise.all([values.next(), values.next(), values.next()]);
    for (const value of [1, 2, 3]) unwrap(await toTypedPort(client).send(value));
    expect((await within(asked, 'three values came')).map(({ value }) => value)).to.deep.equal([1, 2, 3]);
  });

  it('releases the channel when a loop ends early, aborts, or fails by onInvalid', async () => {
    const [client, accepted] = await bench.connect();
    const controller = new AbortController();
    const waiting = toTypedPort(accepted).values({ signal: controller.signal }).next();
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await waiting.catch((error: unknown) => error)).to.equal(reason);
    const aborted = toTypedPort(accepted).values({ signal: controller.signal });
    expect(await aborted.next().catch((error: unknown) => error)).to.equal(reason);
    expect(await aborted.next()).to.deep.equal({ done: true, value: undefined });
    const failing = [
      (): void => {
        throw reason;
      },
      (): unknown => Promise.reject(reason),
    ];
    for (const onInvalid of failing) {
      const port = toTypedPort(accepted, { onInvalid });
      unwrap(await client.send(Buffer.from('{')));
      const failed = port
        .values()
        .next()
        .catch((error: unknown) => error);
      expect(await within(failed, 'it failed')).to.equal(reason);
    }
    accepted.setMessageCallback(() => undefined);
  });

  it('sends nothing if the codec returns a promise, whose rejection ends no process', async () => {
    const [client] = await bench.connect();
    const encode = (): never => Promise.reject(new Error('the codec failed')) as never;
    const unhandled = await unhandledDuring(() => {
      const sent = toTypedPort(client, { codec: { name: 'late', encode, decode: encode } }).trySend(1);
      expect(sent.ok ? 'ok' : sent.error.message).to.include('its encode() returned a Promise');
    });
    expect(unhandled).to.deep.equal([]);
  });

  it('ends with the channel', async () => {
    const [client, accepted] = await bench.connect();
    unwrap(await client.openChannel('points'));
    const near = toTypedPort<number>(client, { channel: 'points' });
    const values = toTypedPort<number>(accepted, { channel: 'points' }).values();
    unwrap(await near.send(1));
    unwrap(await client.closeChannel('points'));
    expect((await within(values.next(), 'the value came')).value).to.equal(1);
    expect((await within(values.next(), 'the loop ended')).done).to.equal(true);
    expect((await near.send(2)).ok).to.equal(false);
  });

  it('delivers the messages from before a reconnect, and then continues', async () => {
    const service = await bench.serve({ reconnect: SOON });
    const client = bench.open(service.config);
    const values = toTypedPort<string>(client).values();
    let accepting = service.accept();
    unwrap(await client.connect());
    let accepted = await accepting;
    for (let round = 1; round <= 3; round += 1) {
      for (const part of ['a', 'b']) unwrap(await toTypedPort(accepted).send(`${part}${round}`));
      expect((await within(values.next(), 'the first value came')).value).to.equal(`a${round}`);
      accepting = service.accept();
      await accepted.close();
      accepted = await within(accepting, 'it came again');
      unwrap(await toTypedPort(accepted).send(`c${round}`));
      // The new connection is open. The messages of the old one come first.
      expect((await within(values.next(), 'the kept value came')).value).to.equal(`b${round}`);
      expect((await within(values.next(), "the next connection's value came")).value).to.equal(`c${round}`);
    }
    const last = values.next();
    await client.close();
    expect(await within(last, 'the loop ended')).to.deep.equal({ done: true, value: undefined });
  });

  it('has the values that earlier connections left, one at a time, also in a loop that begins later', async () => {
    const service = await bench.serve({ reconnect: SOON });
    const client = bench.open(service.config);
    let accepting = service.accept();
    unwrap(await client.connect());
    let accepted = await accepting;
    const expected: string[] = [];
    const port = toTypedPort<string>(client);
    for (const connection of ['a', 'b', 'c']) {
      for (const value of [1, 2, 3]) {
        unwrap(await toTypedPort(accepted).send(`${connection}${value}`));
        expected.push(`${connection}${value}`);
      }
      if (connection === 'a') {
        for await (const value of port) {
          expect(value).to.equal(expected.shift());
          break;
        }
      }
      const { generation } = client.getReconnection();
      accepting = service.accept();
      await accepted.close();
      accepted = await within(accepting, 'it came again');
      await until(() => client.getReconnection().generation > generation, 'connected again');
    }
    unwrap(await toTypedPort(accepted).send('d1'));
    expected.push('d1');
    const got: unknown[] = [];
    for (const count of [1, 2, expected.length - 3]) {
      const values = port.values();
      for (let index = 0; index < count; index += 1) got.push((await within(values.next(), 'the value came')).value);
      await values.return?.();
    }
    expect(got).to.deep.equal(expected);
  });

  it('ends if no connection follows', async () => {
    const [client, accepted] = await bench.connect();
    const values = toTypedPort(client).values();
    unwrap(await toTypedPort(accepted).send('last words'));
    await accepted.close();
    await within(client.closed, 'the connection ended');
    expect((await within(values.next(), 'the value came')).value).to.equal('last words');
    expect((await within(values.next(), 'the loop ended')).done).to.equal(true);
    expect((await within(toTypedPort(client).values().next(), 'a later loop ended')).done).to.equal(true);
  });
});
