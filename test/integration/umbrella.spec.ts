import * as core from '@entropynet/core';
import * as manager from '@entropynet/manager';
import * as sharedMemory from '@entropynet/transport-shm';
import * as webSocket from '@entropynet/transport-ws';
import { expect } from 'chai';
import * as entropynet from 'entropynet';
import { freshName } from './manager-support.js';

describe('the package entropynet', () => {
  it('re-exports everything, and only createNetworking is its own', () => {
    const all: Readonly<Record<string, unknown>> = { ...core, ...manager, ...sharedMemory, ...webSocket };
    expect(Object.keys(entropynet).sort()).to.deep.equal(Object.keys(all).sort());
    const own = Object.entries(entropynet).filter(([name, value]) => all[name] !== value);
    expect(own.map(([name]) => name)).to.deep.equal(['createNetworking']);
  });

  it('carries a first message without naming a transport', async () => {
    await using networking = await entropynet.createNetworking();
    const endpoint = freshName();
    const config = { endpoint, fallback: ['ws://127.0.0.1:0/first'] };
    const server = entropynet.unwrap(networking.manager.createServer(config));
    entropynet.unwrap(await server.listen());
    const fallback = server.addresses().filter((address) => address.startsWith('ws:'));
    const client = entropynet.unwrap(networking.manager.openConnection({ endpoint, fallback }));
    entropynet.unwrap(await client.connect());
    entropynet.unwrap(await client.send(Uint8Array.of(7)));
    const accepted = entropynet.unwrap(await server.accept());
    expect((await accepted.messages().next()).value).to.deep.equal(Uint8Array.of(7));
    expect(['shared-memory', 'websocket']).to.include(client.getBackend());
  });

  it('takes other transports instead, and refuses a wrong configuration', async () => {
    await using networking = await entropynet.createNetworking({ transports: [webSocket.webSocketTransportModule] });
    const refused = networking.manager.openConnection({ endpoint: 'shm://x' });
    expect(refused.ok).to.equal(false);
    const wrong = entropynet.createNetworking({ config: { endpoint: 7 } as never });
    expect(await wrong.catch((error: unknown) => (error as core.NetworkError).code)).to.equal('InvalidParameter');
  });
});
