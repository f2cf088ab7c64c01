import { type OptionsSchema, resolveConnectionConfig, unwrap } from '@entropynet/core';
import { expect } from 'chai';

class Counter {
  count = 0;
}

describe('the defaults of a section that connections share', () => {
  it('can not be changed by one of them, at any depth', () => {
    const value = { list: [{ a: 1 }], record: Object.freeze({ inner: { a: 1 } }), counter: new Counter() };
    Object.assign(value, { itself: value });
    const optionsSchema: OptionsSchema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ value }) } };
    const sections = [{ optionsKey: 'pigeons', optionsSchema }];
    const [first, second] = [1, 2].map(
      () =>
        (unwrap(resolveConnectionConfig({ endpoint: 'x' }, sections)) as unknown as { pigeons: typeof value }).pigeons,
    );
    expect(first).to.equal(second);
    for (const change of [
      () => (first!.list = []),
      () => first!.list.push({ a: 2 }),
      () => (first!.list[0]!.a = 2),
      () => (first!.record.inner.a = 2),
    ]) {
      expect(change).to.throw(TypeError);
    }
    // An object of the transport is no data: it may change.
    first!.counter.count += 1;
    expect(second!.counter.count).to.equal(1);
  });
});
