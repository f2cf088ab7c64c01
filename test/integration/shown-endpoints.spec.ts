import { inspect } from 'node:util';
import { expect } from 'chai';
import { type Scope, scoped } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkError, type Result, type Transport, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { freshName } from './manager-support.js';
import { leaveOut } from '../support/leave-out.js';

const probe = await new SharedMemoryTransport().probe({ endpoint: 'nobody' });
const hasAddon = probe.available || !probe.reason.includes('addon');

/** A reader of an error would see each of these. */
const SECRETS = /hunter[123]/;

function errorOf(result: Result<unknown>): NetworkError {
  if (result.ok) throw new Error('it worked');
  return result.error;
}

function expectHidden(error: NetworkError): void {
  for (const shown of [error.message, String(error.stack), inspect(error, { depth: 8 }), JSON.stringify(error)])
    expect(shown).to.not.match(SECRETS);
}

const ENDPOINTS: Readonly<Record<string, (name: string) => string>> = {
  'a name with user and password': (name) => `me:hunter1@${name}?token=hunter3`,
  'a scheme, a password and a query': (scheme) => `${scheme}://hunter2@host-of-nobody.invalid/x?token=hunter3`,
};

describe('endpoints with user information and a query', () => {
  const TRANSPORTS: readonly (readonly [string, Transport, boolean])[] = [
    ['loopback', new LoopbackTransport(), false],
    ['shm', new SharedMemoryTransport(), true],
  ];
  for (const [scheme, transport, isNative] of TRANSPORTS) {
    for (const [what, make] of Object.entries(ENDPOINTS)) {
      it(`are hidden in every error of ${scheme}: ${what}`, async function () {
        if (isNative && !hasAddon) leaveOut(this, 'the addon is not built');
        await scoped(async (scope: Scope) => {
          const endpoint = what.startsWith('a name') ? `${scheme}://${make(freshName())}` : make(scheme);
          const config: ConnectionConfig = { endpoint };
          const client = transport.createConnection(config);
          expectHidden(errorOf(await client.connect()));
          const { reason = '' } = (await transport.probe(config)) as { reason?: string };
          expect(reason).to.include('***').and.to.not.match(SECRETS);
          const manager = new ConnectionManager([transport], { log: (line) => expect(line).to.not.match(SECRETS) });
          scope.defer(async () => {
            await manager.closeAll();
            manager.release();
          });
          expectHidden(errorOf(await unwrap(manager.openConnection(config)).connect()));
          const server = unwrap(manager.createServer(config));
          unwrap(await server.listen());
          const taken = errorOf(await transport.createServer(config).listen());
          expect(taken.code).to.equal('AddressInUse');
          expectHidden(taken);
          expectHidden(errorOf(await unwrap(manager.createServer(config)).listen()));
          // The program itself gets the whole value, which it needs.
          unwrap(await unwrap(manager.openConnection(config)).connect());
        })();
      });
    }
  }

  it('are hidden in every error of ws', async () => {
    const transport = new WebSocketTransport();
    const config = { endpoint: 'ws://me:hunter1@127.0.0.1:1/hidden?token=hunter3' };
    expectHidden(errorOf(await transport.createConnection(config).connect()));
    const { reason = '' } = (await transport.probe(config)) as { reason?: string };
    expect(reason).to.not.equal('').and.to.not.match(SECRETS);
    const server = transport.createServer({ endpoint: 'ws://127.0.0.1:0' });
    unwrap(await server.listen());
    const endpoint = server.address()!.replace('ws://', 'ws://me:hunter1@');
    expectHidden(errorOf(await transport.createServer({ endpoint }).listen()));
    expectHidden(errorOf(await transport.createConnection({ endpoint: `${endpoint}/nope?token=hunter3` }).connect()));
    unwrap(await server.close());
  });
});
