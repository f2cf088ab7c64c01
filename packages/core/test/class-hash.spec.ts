import { classHashOf, EntropyObject } from '@entropynet/core';
import { expect } from 'chai';

class Named extends EntropyObject {
  protected override onDispose(): void {
    // Holds nothing.
  }
}

describe('the hash of the name of a class', () => {
  it('is FNV-1a of the UTF-8 bytes', () => {
    expect(classHashOf('')).to.equal(0xcbf29ce484222325n);
    expect(classHashOf('foobar')).to.equal(0x85944171f73967e8n);
    const object = new Named();
    expect(object.classHash()).to.equal(classHashOf('Named'));
    expect(object.classHash()).to.equal(object.typeInfo().hash);
    object.release();
  });

  it('keeps no name that a program hashes, because a peer may have chosen it', () => {
    const nameBytes = 20_000;
    const names = 200;
    const heapBytes = (): number => {
      globalThis.gc?.();
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    const before = heapBytes();
    for (let index = 0; index < names; index += 1) classHashOf(`${index}`.padEnd(nameBytes, '.'));
    expect(heapBytes() - before).to.be.below((names * nameBytes) / 2);
  });
});
