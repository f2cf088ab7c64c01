import { expect } from 'chai';
import { type IClientOptions, type IPublishPacket, MqttClient } from 'mqtt';
import { freshName } from '../integration/manager-support.js';
import { until, within } from '@entropynet/conformance/tools';
import { describeClient } from './support/describe-client.js';
import { told } from './support/told.js';

describeClient('mqtt.js with the broker aedes', 'mqtt', (site) => {
  let clients: MqttClient[];

  beforeEach(() => {
    clients = [];
  });

  afterEach(() => Promise.all(clients.map((client) => client.endAsync(true))));

  /** Returns a client that is connected to the broker. */
  async function connect(options: IClientOptions = {}): Promise<MqttClient> {
    const client = new MqttClient(site.connect, { reconnectPeriod: 0, clientId: freshName(), ...options });
    clients.push(client);
    await within(told(client, 'connect'), 'the client is connected');
    return client;
  }

  /** The messages of a client, as `topic=payload`, with a final `r` if the broker had retained it. */
  function messagesOf(client: MqttClient): string[] {
    const messages: string[] = [];
    client.on('message', (topic: string, payload: Buffer, packet: IPublishPacket) => {
      messages.push(`${topic}=${payload.toString()}${packet.retain ? ' r' : ''}`);
    });
    return messages;
  }

  for (const qos of [0, 1, 2] as const) {
    it(`delivers each message once and in order with QoS ${qos}`, async () => {
      const [publisher, subscriber] = await Promise.all([connect(), connect()]);
      const messages = messagesOf(subscriber);
      const topic = freshName();
      await subscriber.subscribeAsync(topic, { qos });
      const texts = Array.from({ length: 200 }, (_each, index) => `${index}:${'x'.repeat(index * 10)}`);
      await within(
        Promise.all(texts.map((text) => publisher.publishAsync(topic, text, { qos }))),
        'every message is published',
      );
      await until(() => messages.length >= texts.length, 'every message came');
      expect(messages).to.deep.equal(texts.map((text) => `${topic}=${text}`));
    });
  }

  it('gives a retained message to a later subscriber', async () => {
    const topic = freshName();
    const publisher = await connect();
    await publisher.publishAsync(topic, 'kept', { qos: 1, retain: true });
    const subscriber = await connect();
    const messages = messagesOf(subscriber);
    await subscriber.subscribeAsync(topic);
    await until(() => messages.length > 0, 'the message came');
    expect(messages).to.deep.equal([`${topic}=kept r`]);
  });

  it('publishes the will of a client whose stream broke, and none of one that said goodbye', async () => {
    const topic = freshName();
    const subscriber = await connect();
    const messages = messagesOf(subscriber);
    await subscriber.subscribeAsync(topic);
    const will = (payload: string): IClientOptions => ({
      will: { topic, payload: Buffer.from(payload), qos: 1, retain: false },
    });
    const polite = await connect(will('of the polite one'));
    await polite.endAsync();
    const broken = await connect(will('of the broken one'));
    broken.stream.destroy();
    await until(() => messages.length > 0, 'a will came');
    expect(messages).to.deep.equal([`${topic}=of the broken one`]);
  });

  it('takes the place of another client of the same name, which gets no error', async () => {
    const clientId = freshName();
    const errors: Error[] = [];
    const first = await connect({ clientId });
    first.on('error', (error) => errors.push(error));
    const closed = told(first, 'close');
    await connect({ clientId });
    await within(closed, 'the first one is closed');
    expect(errors).to.deep.equal([]);
  });

  it('reconnects after a restart of the broker, publishes waiting messages, and subscribes again', async () => {
    const [topic, kept] = [freshName(), freshName()];
    const client = await connect({ reconnectPeriod: 20 });
    client.on('error', () => undefined);
    const messages = messagesOf(client);
    await client.subscribeAsync(topic);
    const closed = told(client, 'close');
    await site.server.kill();
    await within(closed, 'the client saw that the broker died');
    const published = client.publishAsync(kept, 'waited', { qos: 1, retain: true });
    await site.startAgain();
    await within(published, 'the message is published');
    const other = await connect();
    const messagesOfOther = messagesOf(other);
    await other.subscribeAsync(kept);
    await until(() => messagesOfOther.length > 0, 'the message came');
    expect(messagesOfOther).to.deep.equal([`${kept}=waited r`]);
    await until(async () => {
      await other.publishAsync(topic, 'again', { qos: 1 });
      return messages.length > 0;
    }, 'a message came to the client that had subscribed before');
    expect(messages[0]).to.equal(`${topic}=again`);
  });
});
