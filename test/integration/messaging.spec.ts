import { turns, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkError, type Result, TRANSPORT, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { type Codec, jsonCodec, requestReply, toTypedPort } from '@entropynet/messaging';
import { messagePackCodec } from '@entropynet/messaging/msgpack';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { expect } from 'chai';
import fc from 'fast-check';
import { ContainerModule } from 'inversify';
import { z } from 'zod';
import { freshName } from './manager-support.js';

const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code);

const loopbackModule = new ContainerModule(({ bind }) => {
  bind(TRANSPORT).toConstantValue(new LoopbackTransport());
});

const CODECS: Readonly<Record<string, () => Codec>> = { JSON: jsonCodec, MessagePack: messagePackCodec };

/** MessagePack's library gives the key `__proto__` another name, so that no peer reaches a prototype. */
function isPlain(value: unknown): boolean {
  return !JSON.stringify(value).includes('"__proto__"');
}

describe('messaging', () => {
  let networking: Networking;

  beforeEach(async () => {
    networking = await createNetworking({ transports: [loopbackModule, webSocketTransportModule] });
  });

  afterEach(() => networking.close());

  async function handles(
    endpoint = `loopback://${freshName()}`,
    config: Partial<ConnectionConfig> = {},
  ): Promise<[ConnectionHandle, ConnectionHandle]> {
    const server = unwrap(networking.manager.createServer({ ...config, endpoint }));
    unwrap(await server.listen());
    const client = unwrap(networking.manager.openConnection({ ...config, endpoint: server.addresses()[0]! }));
    const accepting = server.accept();
    unwrap(await client.connect());
    return [client, unwrap(await accepting)];
  }

  for (const [name, makeCodec] of Object.entries(CODECS)) {
    it(`returns any value of JSON as ${name}`, () => {
      const codec = makeCodec();
      fc.assert(
        fc.property(fc.jsonValue().filter(isPlain), (value) => {
          const expected = JSON.parse(JSON.stringify(value)) as unknown;
          expect(codec.decode(codec.encode(expected))).to.deep.equal(expected);
        }),
      );
    });

    it(`answers any bytes with a value or an exception, as ${name}`, () => {
      const codec = makeCodec();
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
          try {
            codec.decode(bytes);
          } catch (error) {
            expect(error).to.be.instanceOf(Error);
          }
        }),
      );
    });
  }

  describe('a typed port', () => {
    it('carries values, on the default channel and on a named one', async () => {
      const [client, accepted] = await handles();
      unwrap(await client.openChannel('points'));
      for (const options of [{}, { channel: 'points', codec: messagePackCodec() }]) {
        const near = toTypedPort<{ x: number }>(client, options);
        const far = toTypedPort<{ x: number }>(accepted, options);
        unwrap(await near.send({ x: 1 }));
        unwrap(near.trySend({ x: 2 }));
        const seen: number[] = [];
        for await (const { x } of far) if (seen.push(x) === 2) break;
        expect(seen).to.deep.equal([1, 2]);
      }
    });

    it('omits and reports values that do not fit the codec or the schema, and continues', async () => {
      const [client, accepted] = await handles();
      const problems: NetworkError[] = [];
      const far = toTypedPort(accepted, {
        schema: z.object({ x: z.number(), name: z.string().default('none') }),
        onInvalid: (error) => problems.push(error),
      });
      const near = toTypedPort(client);
      unwrap(await client.send(Buffer.from('{ "x": ')));
      unwrap(await client.send(Uint8Array.of(0xff, 0xfe)));
      unwrap(await near.send({ x: 'seven' }));
      unwrap(await near.send({ x: 7 }));
      const { value } = await within(far.values().next(), 'a value came');
      expect(value).to.deep.equal({ x: 7, name: 'none' });
      expect(problems.map(({ code }) => code)).to.deep.equal(['InvalidMessage', 'InvalidMessage', 'InvalidMessage']);
      expect(problems[2]?.message).to.contain('x: ').and.to.contain('number');
    });

    it('reports an invalid value without the terminal commands in it, and in a bounded sentence', async () => {
      const [client, accepted] = await handles();
      const problems: NetworkError[] = [];
      const far = toTypedPort(accepted, {
        schema: z.strictObject({ x: z.number() }),
        onInvalid: (error) => problems.push(error),
      });
      const near = toTypedPort(client);
      const command = '\u001b[2J\u202e';
      unwrap(await client.send(Buffer.from(`${command}no JSON`)));
      unwrap(await near.send({ x: 1, [command]: 2 }));
      unwrap(await near.send({ x: 1, ['y'.repeat(100_000)]: 2 }));
      unwrap(await near.send({ x: 1 }));
      await within(far.values().next(), 'a value came');
      expect(problems.map(({ code }) => code)).to.deep.equal(['InvalidMessage', 'InvalidMessage', 'InvalidMessage']);
      for (const { message } of problems) expect(message).to.match(/^[ -~\u2026]{1,2100}$/);
    });

    it("does not send a value that the codec can't encode", async () => {
      const [client] = await handles();
      const port = toTypedPort(client);
      const circular: Record<string, unknown> = {};
      circular['self'] = circular;
      for (const value of [undefined, circular, 1n])
        expect([codeOf(port.trySend(value)), codeOf(await port.send(value))]).to.deep.equal([
          'InvalidMessage',
          'InvalidMessage',
        ]);
      expect(client.getStats().messagesSent).to.equal(0);
    });
  });

  describe('requests and replies', () => {
    it('are matched for any order of replies, in both directions at once, also over WebSocket', async () => {
      for (const endpoint of [`loopback://${freshName()}`, 'ws://127.0.0.1:0/requests']) {
        const [client, accepted] = await handles(endpoint);
        const [near, far] = [
          unwrap(await requestReply<number, number>(client)),
          unwrap(await requestReply<number, number>(accepted)),
        ];
        const waiting: (() => void)[] = [];
        far.handle(async (value) => {
          await new Promise<void>((resolve) => waiting.push(resolve));
          return value * 2;
        });
        near.handle((value) => value + 1);
        const asked = Promise.all(Array.from({ length: 20 }, (_, value) => near.request(value)));
        await until(() => waiting.length === 20, 'all requests arrived');
        for (const reply of waiting.reverse()) reply();
        const replies = await within(asked, 'all replies came');
        expect(replies.map((reply) => unwrap(reply))).to.deep.equal(
          Array.from({ length: 20 }, (_, value) => value * 2),
        );
        expect(unwrap(await far.request(41))).to.equal(42);
      }
    });

    it('carry their own metadata to the handler, or none', async () => {
      const [client, accepted] = await handles();
      const near = unwrap(await requestReply<number>(client));
      const far = unwrap(await requestReply(accepted));
      far.handle((request, { metadata }) => [request, { ...metadata }]);
      const tags = ['a', undefined, 'b', undefined, 'c'];
      const replies = await Promise.all(
        tags.map((tag, index) =>
          near.request(index, { ...(tag !== undefined && { metadata: { tag, __proto__x: 'y' } }) }),
        ),
      );
      expect(replies.map(unwrap)).to.deep.equal(
        tags.map((tag, index) => [index, tag === undefined ? {} : { tag, __proto__x: 'y' }]),
      );
      const long = await near.request(1, { metadata: { text: 'x'.repeat(8192) } });
      expect(long.ok ? 'ok' : long.error).to.include({ code: 'InvalidParameter' });
      expect(unwrap(await near.request(2))).to.deep.equal([2, {}]);
    });

    it("end with Timeout or Aborted, and the handler's signal aborts", async () => {
      const [client, accepted] = await handles();
      const [near, far] = [unwrap(await requestReply(client)), unwrap(await requestReply(accepted))];
      const signals: AbortSignal[] = [];
      far.handle((_request, { signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      });
      expect(codeOf(await near.request('late', { timeoutMs: 20 }))).to.equal('Timeout');
      const controller = new AbortController();
      const asked = near.request('given up', { signal: controller.signal });
      await until(() => signals.length === 2, 'both requests arrived');
      const reason = new Error('enough');
      controller.abort(reason);
      const aborted = await asked;
      expect(codeOf(aborted)).to.equal('Aborted');
      expect(aborted.ok ? undefined : aborted.error.cause).to.equal(reason);
      await until(() => signals.every(({ aborted }) => aborted), 'both handlers learned it');
      expect(codeOf(await near.request('x', { signal: controller.signal }))).to.equal('Aborted');
      expect(codeOf(await near.request('x', { timeoutMs: 0 }))).to.equal('InvalidParameter');
    });

    it('end at once when the signal aborts before they are sent', async () => {
      const [client] = await handles();
      const given = await requestReply(client, { signal: AbortSignal.abort() });
      expect(given.ok ? 'ok' : given.error.code).to.equal('Aborted');
      await unwrap(await requestReply(client)).close();
    });

    it('give the reason if there is no reply', async () => {
      const [client, accepted] = await handles();
      const schemas = { requestSchema: z.string(), maxHandled: 2 };
      const near = unwrap(await requestReply<unknown, number>(client, { replySchema: z.number() }));
      const far = unwrap(await requestReply<string>(accepted, schemas));
      expect(codeOf(await near.request('x'))).to.equal('NotSupported');
      far.handle((request) => {
        if (request === 'wait') return new Promise(() => undefined);
        if (request === 'fail') throw new Error('the cat sleeps');
        return request;
      });
      const failed = await near.request('fail');
      expect(codeOf(failed)).to.equal('CallbackFailed');
      expect(failed.ok ? '' : failed.error.message).to.contain('the cat sleeps');
      expect(codeOf(await near.request(7)), 'not as the handler wants it').to.equal('InvalidMessage');
      expect(codeOf(await near.request('x')), 'not as the requester wants it').to.equal('InvalidMessage');
      expect(codeOf(await near.request(undefined)), 'nothing that JSON can say').to.equal('InvalidMessage');
      const waiting = [near.request('wait'), near.request('wait')];
      expect(codeOf(await near.request('x'))).to.equal('ResourceLimitExceeded');
      await near.close();
      expect((await Promise.all(waiting)).map(codeOf)).to.deep.equal(['ConnectionClosed', 'ConnectionClosed']);
      expect(codeOf(await near.request('x'))).to.equal('ConnectionClosed');
    });

    it('have a limit on this side too', async () => {
      const [client, accepted] = await handles();
      const near = unwrap(await requestReply(client, { maxPending: 3 }));
      unwrap(await requestReply(accepted)).handle(() => new Promise(() => undefined));
      const waiting = [1, 2, 3].map((value) => near.request(value));
      expect(codeOf(await near.request(4))).to.equal('ResourceLimitExceeded');
      await near.close();
      await Promise.all(waiting);
    });

    for (const [what, end] of [
      ['this side closes its handle', (near: ConnectionHandle) => near.close()],
      ['the peer disconnects', (_near: ConnectionHandle, far: ConnectionHandle) => far.disconnect()],
    ] as const) {
      it(`end with the connection when ${what}`, async () => {
        const [client, accepted] = await handles();
        const near = unwrap(await requestReply(client));
        const far = unwrap(await requestReply(accepted));
        let signal: AbortSignal | undefined;
        far.handle((_request, context) => {
          signal = context.signal;
          return new Promise(() => undefined);
        });
        const asked = near.request('x', { timeoutMs: 60_000 });
        await until(() => signal !== undefined, 'the request arrived');
        await end(client, accepted);
        expect(codeOf(await within(asked, 'the request ended'))).to.equal('ConnectionClosed');
        await until(() => signal?.aborted === true, 'the handler learned it');
        expect(codeOf(await requestReply(client))).to.not.equal('ok');
      });
    }

    it('ignore junk, unknown numbers, duplicate replies and duplicate requests', async () => {
      const [client, accepted] = await handles();
      const near = unwrap(await requestReply<string, string>(client));
      unwrap(await accepted.openChannel('requests'));
      const heard: number[] = [];
      accepted.setChannelMessageCallback('requests', (message) => {
        heard.push(message[1] ?? -1);
        // The reply is in the middle of the bytes of a hostile peer.
        const number = message.slice(1, 5);
        const junk = [
          [],
          [9],
          [2, 1],
          [2, 99, 0, 0, 0, 7],
          [3, 99, 0, 0, 0],
          [4, 1, 2, 3, 4],
          [1, 5, 0, 0, 0, 0xff],
          [5, 1, 0, 0, 0, 0x5b],
          [5, 2, 0, 0, 0, 0x31],
        ];
        for (const bytes of junk) accepted.trySendOnChannel('requests', Uint8Array.from(bytes));
        for (const text of ['"first"', '"second"'])
          accepted.trySendOnChannel('requests', Buffer.concat([Uint8Array.of(2), number, Buffer.from(text)]));
      });
      expect(unwrap(await within(near.request('x'), 'the reply came'))).to.equal('first');
      await turns(10);
      expect(client.isConnected()).to.equal(true);
      expect(unwrap(await within(near.request('y'), 'the next reply came'))).to.equal('first');
    });
  });
});
