import { expect } from 'chai';
import { SECRET_ANSWER_BYTES, SecretProver, SecretVerifier, unwrap } from '@entropynet/core';
import { hmacSha256 as nodeHmac } from '@entropynet/core/internal/wire/node-hmac';
import { hmacSha256 as portableHmac } from '@entropynet/core/internal/wire/portable-hmac';

const SECRET = 'the secret of both sides';

describe('the proof of a shared secret', () => {
  for (const [runtime, hmac] of Object.entries({ 'Node.js': nodeHmac, 'a page': portableHmac })) {
    it(`uses HMAC-SHA-256 of RFC 4231, in ${runtime}`, () => {
      // Test cases 2 and 6, the message in parts.
      const hexOf = (key: Uint8Array, ...parts: readonly string[]): string =>
        Buffer.from(hmac(key, ...parts.map((part) => Buffer.from(part)))).toString('hex');
      expect(hexOf(Buffer.from('Jefe'), 'what do ya want ', '', 'for nothing?')).to.equal(
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      );
      expect(
        hexOf(new Uint8Array(131).fill(0xaa), 'Test Using Larger Than Block-Size Key - ', 'Hash Key First'),
      ).to.equal('60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54');
      expect(hmac(new Uint8Array(16))).to.have.property('constructor', Uint8Array);
    });
  }

  it("uses the platform's random bytes, even after a program replaced crypto", () => {
    const own = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
    Object.defineProperty(globalThis, 'crypto', {
      value: { getRandomValues: (bytes: Uint8Array) => bytes },
      configurable: true,
    });
    try {
      const [first, second] = [new SecretVerifier('a secret of tests'), new SecretVerifier('a secret of tests')];
      expect(first.challenge).to.not.deep.equal(second.challenge);
    } finally {
      if (own !== undefined) Object.defineProperty(globalThis, 'crypto', own);
    }
  });

  it("uses the platform's random bytes, even after a program replaced their function", () => {
    Object.defineProperty(globalThis.crypto, 'getRandomValues', {
      value: (bytes: Uint8Array) => bytes,
      configurable: true,
    });
    try {
      const [first, second] = [new SecretVerifier('a secret of tests'), new SecretVerifier('a secret of tests')];
      expect(first.challenge).to.not.deep.equal(second.challenge);
    } finally {
      // The method of the prototype is visible again.
      Reflect.deleteProperty(globalThis.crypto, 'getRandomValues');
    }
  });

  it('succeeds if both sides have the same secret', () => {
    const verifier = new SecretVerifier(SECRET);
    const prover = new SecretProver(SECRET);
    const proof = unwrap(verifier.check(unwrap(prover.answer(verifier.challenge))));
    expect(prover.check(proof).ok).to.equal(true);
  });

  it('gives both sides the same keys, with a different key for each purpose and handshake', () => {
    const handshake = (): string[] => {
      const verifier = new SecretVerifier(SECRET);
      const prover = new SecretProver(SECRET);
      unwrap(verifier.check(unwrap(prover.answer(verifier.challenge))));
      const keysOf = (side: SecretVerifier | SecretProver): string[] =>
        ['one', 'other'].map((purpose) => Buffer.from(side.sessionKey(purpose)).toString('hex'));
      expect(keysOf(prover)).to.deep.equal(keysOf(verifier));
      return keysOf(prover);
    };
    const keys = [...handshake(), ...handshake()];
    expect(new Set(keys).size).to.equal(4);
    for (const key of keys) expect(key).to.have.length(64);
  });

  it('fails with an answer from another handshake', () => {
    const heard = unwrap(new SecretProver(SECRET).answer(new SecretVerifier(SECRET).challenge));
    expect(new SecretVerifier(SECRET).check(heard).ok).to.equal(false);
  });

  it("fails with the server's own proof", () => {
    const verifier = new SecretVerifier(SECRET);
    const answer = unwrap(new SecretProver(SECRET).answer(verifier.challenge));
    const proof = unwrap(verifier.check(answer));
    const reflected = new Uint8Array(SECRET_ANSWER_BYTES);
    reflected.set(answer.subarray(0, 32));
    reflected.set(proof, 32);
    expect(verifier.check(reflected).ok).to.equal(false);
  });

  it('fails if the server sends any other bytes', () => {
    const prover = new SecretProver(SECRET);
    const answer = unwrap(prover.answer(new Uint8Array(32)));
    for (const proof of [new Uint8Array(32), answer.subarray(32), new Uint8Array(0), new Uint8Array(33)]) {
      expect(prover.check(proof).ok).to.equal(false);
    }
  });

  for (let bit = 0; bit < 8 * SECRET_ANSWER_BYTES; bit += 37) {
    it(`fails when bit ${bit} of the answer differs`, () => {
      const verifier = new SecretVerifier(SECRET);
      const answer = unwrap(new SecretProver(SECRET).answer(verifier.challenge));
      answer[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifier.check(answer).ok).to.equal(false);
    });
  }

  for (const length of [0, 31, 33]) {
    it(`refuses a challenge of ${length} bytes`, () => {
      const answered = new SecretProver(SECRET).answer(new Uint8Array(length));
      expect(answered.ok).to.equal(false);
    });
  }

  it('refuses an answer of another length', () => {
    for (const length of [0, 63, 65])
      expect(new SecretVerifier(SECRET).check(new Uint8Array(length)).ok).to.equal(false);
  });
});
