import { expect } from 'chai';
import { type ConnectionConfig, NetworkError } from '@entropynet/core';
import { NatsConnection, type NatsOptions } from '@entropynet/transport-nats';
import { nkeys } from '@nats-io/nats-core';

/** Where nothing listens. */
const ENDPOINT = 'nats://127.0.0.1:1/canvas';

function refusalOf(config: ConnectionConfig): string {
  try {
    new NatsConnection(config);
  } catch (error) {
    if (error instanceof NetworkError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'taken';
}

async function outcomeOf(nats: NatsOptions): Promise<string> {
  const connected = await new NatsConnection({ endpoint: ENDPOINT, nats }).connect();
  return connected.ok ? 'connected' : `${connected.error.code}: ${connected.error.message}`;
}

describe('options of the NATS transport', () => {
  for (const server of [
    'nats://user:SECRET@host:4222',
    'user:SECRET@host',
    'host:99999',
    '%%%',
    'a b:1',
    'host/x',
    'a:b:1',
  ]) {
    it(`refuse the further server '${server.replace('SECRET', '…')}', which can't be dialled as it stands`, () => {
      const refusal = refusalOf({ endpoint: ENDPOINT, nats: { servers: ['127.0.0.1:4222', server] } });
      expect(refusal).to.include("InvalidParameter: invalid configuration: 'nats.servers.1'");
      expect(refusal).to.include("'host:port' is allowed").and.not.include('SECRET');
    });
  }

  it('take further servers as names and addresses, with a port and without', () => {
    const servers = ['host', 'host-1.example.org:4222', '127.0.0.1', '[::1]:4222', '[::1]'];
    expect(refusalOf({ endpoint: ENDPOINT, nats: { servers } })).to.equal('taken');
  });

  it('refuse prefixes, services and names that a subject or the NATS server has no room for', () => {
    const long = 'a'.repeat(300);
    for (const key of ['subjectPrefix', 'inboxPrefix', 'queueGroup'])
      expect(refusalOf({ endpoint: ENDPOINT, nats: { [key]: long } }))
        .to.include(`'nats.${key}'`)
        .and.include('128');
    expect(refusalOf({ endpoint: ENDPOINT, nats: { name: long } }))
      .to.include("'nats.name'")
      .and.include('256');
    const service = 'a'.repeat(469);
    expect(refusalOf({ endpoint: `nats://127.0.0.1/${service}` })).to.include('a service of 469 characters');
    expect(refusalOf({ endpoint: `nats://127.0.0.1/${service.slice(1)}` })).to.equal('taken');
  });

  it("name the port of an endpoint that doesn't exist", () => {
    expect(refusalOf({ endpoint: 'nats://127.0.0.1:99999/x' })).to.include('its port is 99999');
  });

  it('refuse an object that is no NATS connection, also one that has some of its methods', () => {
    const connection = { subscribe: () => undefined, publish: () => undefined };
    expect(refusalOf({ endpoint: ENDPOINT, nats: { connection } })).to.include("'nats.connection'");
  });

  it('name a seed and credentials that can sign nothing, without showing them', async () => {
    for (const key of ['nkeySeed', 'credentials']) {
      const outcome = await outcomeOf({ [key]: 'SECRET' });
      expect(outcome).to.include(`InvalidParameter: 'nats.${key}' is not valid`).and.not.include('SECRET');
    }
    const nkeySeed = new TextDecoder().decode(nkeys.createUser().getSeed());
    expect(await outcomeOf({ nkeySeed })).to.include('TransportUnavailable');
  });

  it('name every server that was tried', async () => {
    const outcome = await outcomeOf({ servers: ['127.0.0.1:2', '127.0.0.1:3'] });
    expect(outcome).to.include('nothing listens at 127.0.0.1:1 or 127.0.0.1:2 or 127.0.0.1:3');
  });
});
