import type { ConnectionPeer } from '@entropynet/core';
import { expect } from 'chai';
import { scoped } from '../support/scope.js';
import { openLink, unusedEndpoint, type ChapterContext } from '../chapter-context.js';

/** The checks of each part of `peer`. A part that a transport does not know is absent. */
const PARTS: Readonly<Record<keyof ConnectionPeer, (value: unknown) => boolean>> = {
  process: (value) => Number.isSafeInteger(value) && (value as number) > 0,
  user: isNumberOfTheSystem,
  group: isNumberOfTheSystem,
  library: (value) => typeof value === 'string' && /^[!-~][ -~]{0,19}$/.test(value),
  address: (value) => typeof value === 'string' && /^(\[[^\]]+\]|[^:]+):\d+$/.test(value),
  tls: (value) => typeof (value as { authorized?: unknown }).authorized === 'boolean',
  identity: (value) => value !== undefined,
  request: (value) => {
    const { url, headers } = value as { url?: unknown; headers?: unknown };
    return typeof url === 'string' && typeof headers === 'object';
  },
};

/** A page has no process id. */
const OWN_PROCESS_ID = (globalThis as { readonly process?: { readonly pid: number } }).process?.pid;

/** The properties of a connection's peer. */
export function describePeer(context: ChapterContext): void {
  describe('the peer', () => {
    it(
      '[PEER-1] has the same shape at both ends, without unknown members',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        expect(Object.isFrozen(local.peer)).to.be.true;
        for (const known of [local.peer, (await peer.report()).peer]) expectShape(known);
      }),
    );

    it(
      '[PEER-2] has the process that the operating system reports, at both ends, if the transport reports it',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        const far = await peer.report();
        const expected = { near: far.processId, far: OWN_PROCESS_ID };
        const told = { near: local.peer.process ?? far.processId, far: far.peer.process ?? OWN_PROCESS_ID };
        expect(told).to.deep.equal(expected);
        expect('process' in local.peer).to.equal('process' in far.peer);
      }),
    );

    it(
      '[PEER-3] stays known after the end',
      scoped(async (scope) => {
        const { local } = await openLink(context, scope);
        const known = local.peer;
        await local.disconnect();
        expect(local.peer).to.deep.equal(known);
      }),
    );

    if (context.side === 'server') return;

    it(
      '[PEER-3] is empty before connect()',
      scoped(async (scope) => {
        const config = await unusedEndpoint(context, scope);
        const client = scope.add(context.fixture.createTransport().createConnection(config));
        expect(client.peer).to.deep.equal({});
      }),
    );
  });
}

function expectShape(known: ConnectionPeer): void {
  for (const [part, value] of Object.entries(known)) {
    expect(PARTS, 'a part that the contract knows').to.have.property(part);
    expect(PARTS[part as keyof ConnectionPeer](value), part).to.be.true;
  }
}

function isNumberOfTheSystem(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
