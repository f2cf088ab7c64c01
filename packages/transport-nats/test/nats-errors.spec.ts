import { dialErrorOf } from '@entropynet/transport-nats/internal/nats-errors';
import { decodeFault, FAULTS, REFUSALS } from '@entropynet/transport-nats/internal/nats-protocol';
import { expect } from 'chai';

describe('errors of a NATS connection', () => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS']) {
    it(`name the resource that ran out, and the address: ${code}`, () => {
      const cause = Object.assign(new Error(`connect ${code}`), { code });
      for (const error of [cause, new Error('connection refused', { cause })]) {
        const dialled = dialErrorOf(error, '127.0.0.1:4222');
        expect(dialled.code).to.equal('ResourceLimitExceeded');
        expect(dialled.message).to.include('127.0.0.1:4222').and.include('left').and.include(code);
      }
    });
  }

  it('are errors for every thrown value', () => {
    for (const thrown of [undefined, null, 'text', 5, {}, Object.create(null) as object])
      expect(dialErrorOf(thrown, 'there').code).to.equal('TransportUnavailable');
  });
});

describe('the failure of a peer over NATS', () => {
  for (const [what, codes, foreign] of [
    ['that refuses a client', REFUSALS, 'InvalidMessage'],
    ['that ends a connection', FAULTS, 'SharedMemoryCorrupted'],
  ] as const) {
    it(`has a code that the peer may choose, and otherwise the general one: ${what}`, () => {
      const codeOf = (given: string): string => decodeFault(new TextEncoder().encode(`${given}\na reason`), codes).code;
      expect(codes.map(codeOf)).to.deep.equal(codes);
      for (const given of [foreign, 'CallbackFailed', 'Unknown', '']) expect(codeOf(given)).to.equal(codes[0]);
    });
  }
});
