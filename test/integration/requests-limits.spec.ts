import { turns, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { requestReply } from '@entropynet/messaging';
import { messagePackCodec } from '@entropynet/messaging/msgpack';
import { expect } from 'chai';
import { z } from 'zod';
import { codeOf, failureOf, numberBytes, RawPeer, requestsOver } from './messaging-support.js';
import { describeOverTransports } from './transport-bench.js';

const never = (): Promise<never> => new Promise(() => undefined);

describeOverTransports('handlers and limits of requests', (bench) => {
  describe('a handler that returns nothing', () => {
    for (const [name, codec] of [
      ['JSON', undefined],
      ['MessagePack', messagePackCodec()],
    ] as const) {
      it(`gives the requester undefined, over ${name}`, async () => {
        const options = codec === undefined ? {} : { codec };
        const [near, far] = await requestsOver(bench, {}, options, options);
        const done: unknown[] = [];
        far.handle((request) => {
          done.push(request);
        });
        expect(await near.request({ do: 1 })).to.deep.equal({ ok: true, value: undefined });
        far.handle(async (request) => {
          done.push(request);
          await turns(1);
        });
        expect(await near.request({ do: 2 })).to.deep.equal({ ok: true, value: undefined });
        expect(done).to.deep.equal([{ do: 1 }, { do: 2 }]);
      });
    }

    it('is checked by the schema of replies, and by that alone', async () => {
      const [client, accepted] = await bench.connect();
      unwrap(await requestReply(accepted)).handle(() => undefined);
      const near = unwrap(await requestReply(client, { replySchema: z.number() }));
      expect(codeOf(await near.request(1))).to.equal('InvalidMessage');
      await near.close();
    });

    it('does not stand for a value that the codec has no bytes for', async () => {
      const [near, far] = await requestsOver(bench);
      far.handle(() => () => 'a function');
      expect(codeOf(await near.request(1))).to.equal('InvalidMessage');
    });

    it('is a value of a codec that has one without bytes', async () => {
      const codec = {
        name: 'bytes',
        encode: (value: unknown) => value as Uint8Array,
        decode: (bytes: Uint8Array) => bytes,
      };
      const [near, far] = await requestsOver(bench, {}, { codec }, { codec });
      far.handle((request) => request);
      expect(unwrap(await near.request(new Uint8Array(0)))).to.deep.equal(new Uint8Array(0));
      expect(failureOf(await near.request('text')).message).to.contain(
        'encode() returned a string instead of a Uint8Array',
      );
    });
  });

  describe('requests that come before the handler', () => {
    it('wait for it: before the other side has requests, and before it has a handler', async () => {
      const [client, accepted] = await bench.connect();
      const near = unwrap(await requestReply(client));
      const asked = ['a', 'b', 'c'].map((value) => near.request(value));
      await turns(3);
      const far = unwrap(await requestReply(accepted));
      await turns(3);
      const order: unknown[] = [];
      far.handle((value) => {
        order.push(value);
        return 'yes';
      });
      expect((await Promise.all(asked)).map(unwrap)).to.deep.equal(['yes', 'yes', 'yes']);
      expect(order).to.deep.equal(['a', 'b', 'c']);
    });

    it('are refused by handle(null), those that wait too, and after handlerTimeoutMs', async () => {
      const [near, far] = await requestsOver(bench, {}, {}, { handlerTimeoutMs: 60_000 });
      const waiting = near.request('x', { timeoutMs: 60_000 });
      await turns(5);
      far.handle(null);
      expect(codeOf(await within(waiting, 'it was refused'))).to.equal('NotSupported');
      expect(codeOf(await near.request('y'))).to.equal('NotSupported');
      far.handle(() => 'after all');
      expect(unwrap(await near.request('z'))).to.equal('after all');
      const [other] = await requestsOver(bench, {}, {}, { handlerTimeoutMs: 10 });
      expect(codeOf(await within(other.request('x', { timeoutMs: 60_000 }), 'it was refused'))).to.equal(
        'NotSupported',
      );
    });

    it('count as handled, and are forgotten when they are given up', async () => {
      const arrived: number[] = [];
      const requestSchema = z.number().refine((value) => arrived.push(value) > 0);
      const [near, far] = await requestsOver(bench, {}, {}, { maxHandled: 2, handlerTimeoutMs: 60_000, requestSchema });
      const controller = new AbortController();
      const waiting = [1, 2].map((value) => near.request(value, { signal: controller.signal, timeoutMs: 60_000 }));
      expect(codeOf(await near.request(3))).to.equal('ResourceLimitExceeded');
      controller.abort();
      await Promise.all(waiting);
      const handled: unknown[] = [];
      const asked = near.request(4, { timeoutMs: 60_000 });
      await until(() => arrived.includes(4), 'it arrived, and with it that the others were given up');
      far.handle((value) => {
        handled.push(value);
        return value;
      });
      expect(unwrap(await within(asked, 'it was answered'))).to.equal(4);
      expect(handled).to.deep.equal([4]);
    });

    it('count as handled while their schema runs, also after they are given up', async () => {
      const checks: (() => void)[] = [];
      const validate = (value: unknown): Promise<{ value: unknown }> =>
        new Promise((resolve) => {
          checks.push(() => {
            resolve({ value });
          });
        });
      const requestSchema = { '~standard': { version: 1, vendor: 'test', validate } } as const;
      const [near, far] = await requestsOver(bench, {}, {}, { maxHandled: 2, requestSchema });
      far.handle((value) => value);
      const controller = new AbortController();
      const waiting = ['a', 'b'].map((value) => near.request(value, { signal: controller.signal }));
      await until(() => checks.length === 2, 'their schema runs');
      controller.abort();
      await Promise.all(waiting);
      expect(codeOf(await near.request('c'))).to.equal('ResourceLimitExceeded');
      for (const check of checks) check();
      await turns(1);
      const asked = near.request('d');
      await until(() => checks.length === 3, 'its schema runs');
      checks[2]?.();
      expect(unwrap(await within(asked, 'it was answered'))).to.equal('d');
    });

    it('names a value that is not a handler', async () => {
      const [near] = await requestsOver(bench);
      expect(() => {
        near.handle('x' as never);
      }).to.throw(TypeError, 'a handler is a function or null; a string was given');
    });
  });

  describe('replies that find no room', () => {
    it('wait for it, whatever sendQueueBytes says', async () => {
      const [near, far] = await requestsOver(bench, { sendQueueBytes: 1000, channelWindow: 16_384 });
      far.handle((value) => `${String(value)}${'x'.repeat(5000)}`);
      const asked = Array.from({ length: 40 }, (_, value) => near.request(value));
      const replies = await within(Promise.all(asked), 'all ended');
      expect(replies.map(codeOf)).to.deep.equal(Array(40).fill('ok'));
    });

    it('wait longer than a send may take, until the requester gives up', async () => {
      const [client, accepted] = await bench.connect({ sendTimeoutMs: 20, channelWindow: 16_384 });
      const peer = await RawPeer.on(client);
      peer.ignore();
      const far = unwrap(await requestReply(accepted));
      let handled = 0;
      far.handle(() => {
        handled += 1;
        return 'x'.repeat(6000);
      });
      for (let id = 0; id < 12; id += 1) await peer.say([1], numberBytes(id), '0');
      await until(() => handled === 12, 'all are handled');
      // Two of the waiting requests are cancelled.
      await peer.say([4], numberBytes(10));
      await peer.say([4], numberBytes(11));
      const late = await accepted.sendOnChannel('requests', new Uint8Array(6000));
      expect(codeOf(late), 'nothing is read').to.equal('Timeout');
      peer.listen();
      await until(() => peer.heard.length >= 10, 'the replies came');
      await turns(10);
      expect(peer.heard.map(({ type, id }) => [type, id[0]])).to.deep.equal(
        Array.from({ length: 10 }, (_, id) => [2, id]),
      );
    });

    it('become an error if they are longer than a message may be', async () => {
      const [near, far] = await requestsOver(bench, { maxMessageSize: 1000 });
      far.handle((value) => (value === 'long' ? 'x'.repeat(2000) : value));
      const failure = failureOf(await near.request('long'));
      expect(failure.code).to.equal('MessageTooLarge');
      expect(failure.message).to.contain('maxMessageSize');
      expect(unwrap(await near.request('short'))).to.equal('short');
      expect(codeOf(await near.request('x'.repeat(2000)))).to.equal('MessageTooLarge');
    });

    it('become an error if too many bytes wait, so that a peer that reads nothing holds no more', async () => {
      const [client, accepted] = await bench.connect({ channelWindow: 65_536 });
      const peer = await RawPeer.on(client);
      peer.ignore();
      const far = unwrap(await requestReply(accepted, { maxHandledBytes: 300_000 }));
      let handled = 0;
      far.handle(() => {
        handled += 1;
        return 'x'.repeat(50_000);
      });
      for (let id = 0; id < 100; id += 1) await peer.say([1], numberBytes(id), '0');
      await until(() => handled === 100, 'all are handled');
      peer.listen();
      await until(() => peer.heard.length === 100, 'each has its answer');
      expect(new Set(peer.heard.map(({ id }) => id[0])).size).to.equal(100);
      const whole = peer.heard.filter(({ type }) => type === 2).length;
      expect(whole).to.be.within(2, 8);
      const refusal = peer.heard.find(({ type }) => type === 3);
      expect(refusal?.text.slice(1)).to.match(/^replies of \d+ bytes wait for the requester to read them$/);
    });

    it('leave requests of many bytes refused, save the first', async () => {
      const [near, far] = await requestsOver(bench, {}, {}, { maxHandledBytes: 10_000 });
      far.handle((value) => (String(value).startsWith('wait') ? never() : 'done'));
      const long = near.request(`wait${'x'.repeat(20_000)}`, { timeoutMs: 60_000 });
      expect(codeOf(await near.request('y'))).to.equal('ResourceLimitExceeded');
      await near.close();
      expect(codeOf(await long)).to.equal('ConnectionClosed');
    });
  });

  describe('requests that find no room', () => {
    it('wait for it, although the program removes all listeners that it can name', async () => {
      const [client, accepted] = await bench.connect({ channelWindow: 16_384, sendQueueBytes: 1000 });
      const near = unwrap(await requestReply(client));
      const asked = Array.from({ length: 30 }, (_, value) => near.request([value, 'x'.repeat(3000)]));
      for (const event of ['state', 'channel', 'drain', 'message'] as const) client.off(event);
      for (const event of ['closed', 'drain', 'message'] as const) client.channel('requests').off(event);
      const far = unwrap(await requestReply(accepted));
      far.handle((request) => (request as [number])[0]);
      const replies = await within(Promise.all(asked), 'all ended');
      expect(replies.map((reply) => (reply.ok ? reply.value : reply.error.message))).to.deep.equal(
        Array.from({ length: 30 }, (_, value) => value),
      );
    });

    it('wait for it in order, and are not sent when they are given up before', async () => {
      const [client, accepted] = await bench.connect({ channelWindow: 16_384, sendQueueBytes: 1000 });
      const near = unwrap(await requestReply(client));
      const controller = new AbortController();
      const asked = Array.from({ length: 30 }, (_, value) =>
        near.request([value, 'x'.repeat(3000)], {
          metadata: { number: String(value) },
          ...(value % 10 === 9 && { signal: controller.signal }),
        }),
      );
      controller.abort();
      const far = unwrap(await requestReply(accepted));
      const seen: unknown[] = [];
      far.handle((request, { metadata }) => {
        const [value] = request as [number];
        seen.push(value);
        return `${value} ${metadata['number']}`;
      });
      const replies = await within(Promise.all(asked), 'all ended');
      const expected = Array.from({ length: 30 }, (_, value) => value).filter((value) => value % 10 !== 9);
      expect(seen).to.deep.equal(expected);
      expect(replies.flatMap((reply) => (reply.ok ? [reply.value] : []))).to.deep.equal(
        expected.map((value) => `${value} ${value}`),
      );
      expect(failureOf(replies[9]!)).to.include({
        code: 'Aborted',
        message: 'the request was aborted; the request was not sent',
      });
    });
  });

  it('has types of its own for each direction', async () => {
    const [client, accepted] = await bench.connect();
    const near = unwrap(await requestReply<{ find: string }, number, Date, boolean>(client));
    const far = unwrap(
      await requestReply<unknown, boolean, { find: string }, number>(accepted, {
        requestSchema: z.object({ find: z.string() }),
        replySchema: z.boolean(),
      }),
    );
    far.handle(({ find }) => find.length);
    near.handle((date) => typeof date === 'string');
    const length: number = unwrap(await near.request({ find: 'seven' }));
    const isText: boolean = unwrap(await far.request(new Date(0)));
    expect([length, isText]).to.deep.equal([5, true]);
    // @ts-expect-error the peer asks with an object
    far.handle((wrong: number) => wrong);
  });
});
