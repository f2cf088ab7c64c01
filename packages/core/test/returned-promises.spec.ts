import { once } from 'node:events';
import { AcceptQueue, ok, type OptionsSchema, resolveConnectionConfig, unwrap } from '@entropynet/core';
import { unhandledDuring } from '@entropynet/test/support/unhandled';
import { expect } from 'chai';

const broken = new Error('the program failed');

/** A function that may not be asynchronous. */
const rejects = (): never => Promise.reject(broken) as never;

describe('the promise of a function that must return at once', () => {
  it('is the error of a schema, and its rejection ends no process', async () => {
    const optionsSchema: OptionsSchema = { '~standard': { version: 1, vendor: 'test', validate: rejects } };
    const unhandled = await unhandledDuring(() => {
      const resolved = resolveConnectionConfig({ endpoint: 'x' }, [{ optionsKey: 'late', optionsSchema }]);
      expect(resolved.ok ? 'ok' : resolved.error.message).to.include("'late' was given nothing; its schema is async");
    });
    expect(unhandled).to.deep.equal([]);
  });

  it('refuses a client if `admit` returns it, and its rejection ends no process', async () => {
    const unhandled = await unhandledDuring(() => {
      const refused = new AcceptQueue<string>(1, rejects).admit();
      expect(refused.ok ? 'ok' : refused.error.message).to.include('it returned a Promise');
    });
    expect(unhandled).to.deep.equal([]);
  });

  it('causes a warning if it is that of a released admission', async () => {
    const warned = once(process, 'warning') as Promise<[Error]>;
    const unhandled = await unhandledDuring(() => {
      unwrap(new AcceptQueue<string>(1, () => ok({ release: rejects })).admit()).release();
    });
    expect(unhandled).to.deep.equal([]);
    const [warning] = await warned;
    expect(warning.message).to.equal('the release() of an admission failed: the program failed');
    expect(warning.cause).to.equal(broken);
  });
});
