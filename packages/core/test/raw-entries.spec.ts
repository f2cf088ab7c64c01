import { expect } from 'chai';
import {
  AcceptQueue,
  changeConfig,
  classHashOf,
  debugLog,
  decodePeerLimits,
  encodePeerLimits,
  err,
  knownSections,
  NetworkError,
  redactEndpoint,
  resolveConnectionConfig,
  unwrap,
} from '@entropynet/core';

/** What the authors of transports call, with what is none of it. */
const CALLS: Readonly<Record<string, (value: never) => unknown>> = {
  'unwrap() takes a Result': unwrap,
  'knownSections() takes a list of sections': knownSections,
  'changeConfig() takes a configuration that resolveConnectionConfig() has checked': (value) => changeConfig(value, {}),
  'the name of a class is a string': classHashOf,
  'a section of the log is a string': debugLog,
  'encodePeerLimits() takes an object of limits': encodePeerLimits,
  'decodePeerLimits() takes a Uint8Array': decodePeerLimits,
  'the code of an error is a string': (value) => err(value),
};

describe('the functions for authors of transports', () => {
  for (const [sentence, call] of Object.entries(CALLS)) {
    it(`says ${sentence}, and what was given`, () => {
      for (const [given, value] of [
        ['undefined', undefined],
        ['null', null],
        ['a number', 5],
        ['a symbol', Symbol('x')],
      ] as [string, never][])
        expect(() => call(value)).to.throw(TypeError, `${sentence}; ${given} was given`);
    });
  }

  it('distinguishes a promise and an empty object from a Result', () => {
    expect(() => unwrap(Promise.resolve() as never)).to.throw(TypeError, 'a promise was given: await it first');
    expect(() => unwrap({} as never)).to.throw(TypeError, 'an object was given');
    const { error } = err('Timeout', 'late');
    expect(() => unwrap({ ok: false, error })).to.throw(NetworkError, 'late');
  });

  it('never takes a configuration for a checked one that was not', () => {
    const checked = unwrap(resolveConnectionConfig({ endpoint: 'x' }));
    expect(changeConfig(checked, { sendTimeoutMs: 7 })).to.include({ endpoint: 'x', sendTimeoutMs: 7 });
    expect(() => changeConfig({ ...checked }, {})).to.throw(TypeError, 'an object was given');
    expect(() => changeConfig(checked, 5 as never)).to.throw(TypeError, 'an object of changes; a number was given');
  });

  it('shows an endpoint that is no text', () => {
    expect(redactEndpoint(Symbol('x') as never)).to.equal('Symbol(x)');
    expect(redactEndpoint(undefined as never)).to.equal('undefined');
  });

  it('makes no queue without a number of places', () => {
    for (const [shown, value] of [
      ['NaN', NaN],
      ['-1', -1],
      ['undefined', undefined],
      ['a string', '5'],
    ] as [string, never][]) {
      expect(() => new AcceptQueue(value)).to.throw(RangeError, `0 or more connections; ${shown} was given`);
    }
    expect(new AcceptQueue(0).admit()).to.have.nested.property('error.code', 'ResourceLimitExceeded');
  });

  it('takes a network error for one of a subclass only if it is one', () => {
    class QuotaError extends NetworkError {}
    const quota = new QuotaError('ResourceLimitExceeded', 'the quota is used up');
    expect(quota).to.be.instanceOf(QuotaError).and.instanceOf(NetworkError);
    expect(new NetworkError('Timeout', 'too late')).not.to.be.instanceOf(QuotaError);
  });

  it('refuses an object of the platform in place of a section', () => {
    const said = (config: object): string => {
      const outcome = resolveConnectionConfig({ endpoint: 'x', ...config });
      return outcome.ok ? 'accepted' : outcome.error.message;
    };
    for (const [kind, wrong] of Object.entries({
      Map: new Map([['factor', 5]]),
      Date: new Date(0),
      Headers: new Headers(),
    })) {
      for (const key of ['reconnect', 'transportOptions']) {
        expect(said({ [key]: wrong })).to.equal(
          `invalid configuration: '${key}' was given a ${kind}; an object is allowed`,
        );
      }
    }
  });
});
