import type { Socket } from 'node:net';
import type { ConnectionDuplex } from '@entropynet/streams';
import { expect } from 'chai';
import { Redis, type RedisOptions } from 'ioredis';
import { freshName } from '../../integration/manager-support.js';
import { until, within } from '@entropynet/conformance/tools';
import { describeClient, type Site } from './describe-client.js';
import { told } from './told.js';

/** ioredis with a server of Redis; its tests go through a gateway to the socket. */
export function describeRedis(socket: () => string): void {
  describeClient('ioredis', 'gateway', describeEach, socket);
}

function describeEach(site: Site): void {
  let clients: Redis[];

  beforeEach(() => {
    clients = [];
  });

  afterEach(() => {
    for (const client of clients) client.disconnect();
  });

  /** The replacement of ioredis's own connector. */
  class Connector {
    #stream: ConnectionDuplex | undefined;

    check(): boolean {
      return true;
    }

    connect(): Promise<Socket> {
      this.#stream = site.connect();
      return Promise.resolve(this.#stream as unknown as Socket);
    }

    disconnect(): void {
      this.#stream?.end();
    }
  }

  function open(options: Pick<RedisOptions, 'maxRetriesPerRequest'> = {}): Redis {
    const client = new Redis({ retryStrategy: () => 20, ...options, Connector: Connector as never });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  }

  it('sets and gets, also binary and long values', async () => {
    const redis = open();
    const [key, value] = [freshName(), Buffer.alloc(3_000_000, 'x\0\r\n')];
    expect(await redis.set(key, value)).to.equal('OK');
    expect((await redis.getBuffer(key))?.equals(value)).to.equal(true);
  });

  it('runs pipelines, and thousands of commands at once', async () => {
    const redis = open();
    const key = freshName();
    const pipeline = redis.pipeline();
    for (let index = 0; index < 5000; index += 1) pipeline.rpush(key, `value ${index}`);
    const results = await pipeline.exec();
    expect(results?.map(([, length]) => length)).to.deep.equal(
      Array.from({ length: 5000 }, (_each, index) => index + 1),
    );
    const gets = await Promise.all(Array.from({ length: 5000 }, (_each, index) => redis.lindex(key, index)));
    expect(gets.every((value, index) => value === `value ${index}`)).to.equal(true);
  });

  it('publishes and subscribes', async () => {
    const [publisher, subscriber] = [open(), open()];
    const channel = freshName();
    const messages: string[] = [];
    subscriber.on('message', (_channel, message) => messages.push(message));
    await subscriber.subscribe(channel);
    const texts = Array.from({ length: 500 }, (_each, index) => `message ${index}`);
    for (const text of texts) void publisher.publish(channel, text);
    await until(() => messages.length >= texts.length, 'every message came');
    expect(messages).to.deep.equal(texts);
  });

  it('ends when the server has answered QUIT', async () => {
    const redis = open();
    await redis.ping();
    const ended = told(redis, 'end');
    expect(await redis.quit()).to.equal('OK');
    await within(ended, 'the client ended');
    expect(redis.status).to.equal('end');
  });

  it('reconnects after a restart of the other side, and runs waiting commands', async () => {
    const redis = open({ maxRetriesPerRequest: null });
    const key = freshName();
    await redis.set(key, 'kept');
    const reconnecting = told(redis, 'reconnecting');
    await site.server.kill();
    await within(reconnecting, 'the client saw that the other side died');
    const got = redis.get(key);
    await site.startAgain();
    expect(await within(got, 'the command was answered')).to.equal('kept');
  });
}
