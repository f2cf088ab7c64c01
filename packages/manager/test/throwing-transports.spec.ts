import type { Transport } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';

/** Returns a transport with a member that throws. */
function broken(member: 'checkEndpoint' | 'createServer'): Transport {
  return Object.assign(new LoopbackTransport(), {
    [member]: () => {
      throw new TypeError(`${member} is broken`);
    },
  });
}

describe('a transport that throws', () => {
  const cases = [
    ['openConnection', 'checkEndpoint'],
    ['createServer', 'checkEndpoint'],
    ['createServer', 'createServer'],
  ] as const;

  for (const [call, member] of cases) {
    it(`is named in the error of ${call}() if its ${member}() throws`, () => {
      const manager = new ConnectionManager([broken(member)]);
      const outcome = manager[call]({ endpoint: `loopback://${freshName()}` });
      expect(outcome.ok ? undefined : outcome.error).to.include({
        code: 'TransportUnavailable',
        message: `transport 'loopback' threw: TypeError: ${member} is broken`,
      });
      expect(manager.activeCount()).to.equal(0);
    });
  }
});
