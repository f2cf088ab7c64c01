import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { checkConnection, faultOfOptions, kindOf, numberOrKind, ok, type OptionKinds } from '@entropynet/core';

interface Options {
  readonly name?: string;
  readonly size?: number;
  readonly isLoud?: boolean;
  readonly onStep?: () => void;
  readonly labels?: object;
  readonly signal?: AbortSignal;
  readonly even?: number;
}

const KINDS: OptionKinds<Options> = {
  name: 'a string',
  size: 'a number',
  isLoud: 'true or false',
  onStep: 'a function',
  labels: 'an object',
  signal: 'an AbortSignal',
  even: ['an even number', (value) => typeof value === 'number' && value % 2 === 0],
};

function saidOf(options: unknown): string | undefined {
  return faultOfOptions('open()', options as Options, KINDS)?.message;
}

describe('objects of options', () => {
  it('are accepted if every name and every type is correct', () => {
    const { signal } = new AbortController();
    const all = { name: '', size: NaN, isLoud: false, onStep: () => undefined, labels: {}, signal, even: 2 };
    for (const right of [undefined, {}, all, Object.create(null) as object, { name: undefined, signal: undefined }])
      expect(saidOf(right)).to.equal(undefined);
    // A polyfill's signal, or one of another realm.
    const half = { aborted: false, addEventListener: () => undefined };
    expect(saidOf({ signal: { ...half, removeEventListener: () => undefined } })).to.equal(undefined);
    expect(saidOf({ signal: half })).to.equal("open(): 'signal' was given an object; an AbortSignal is allowed");
    expect(saidOf(Object.create({ inherited: 1 }))).to.equal(undefined);
  });

  it('are refused if they are an object of the platform, which has no properties of its own', () => {
    const given = {
      Map: new Map([['name', 'x']]),
      Date: new Date(0),
      Headers: new Headers(),
      Set: new Set(),
      Array: [],
    };
    for (const [kind, value] of Object.entries(given)) {
      const article = kind === 'Array' ? 'an' : 'a';
      expect(saidOf(value)).to.equal(`open() takes an object of options; ${article} ${kind} was given`);
      expect(saidOf({ labels: value })).to.equal(`open(): 'labels' was given ${article} ${kind}; an object is allowed`);
    }
    class Own {
      readonly size = 5;
    }
    expect(saidOf(new Own())).to.equal(undefined);
    expect(saidOf(runInNewContext('({})'))).to.equal(undefined);
  });

  it('are refused with the existing names', () => {
    const names = 'name, size, isLoud, onStep, labels, signal, even';
    expect(saidOf({ nmae: 'x', sise: 1, name: 'x' })).to.equal(
      `open() has no option 'nmae', 'sise'; its options are ${names}`,
    );
    for (const key of ['constructor', 'toString', '__proto__'])
      expect(saidOf(JSON.parse(`{ "${key}": 1 }`))).to.equal(`open() has no option '${key}'; its options are ${names}`);
    expect(saidOf({ '\u001b[2J': 1 })).to.include("'\\u{1b}[2J'");
  });

  it('are refused with the given type and the allowed one, and never with a value', () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ name: 5 }, "open(): 'name' was given a number; a string is allowed"],
      [{ name: null }, "open(): 'name' was given null; a string is allowed"],
      [{ size: 'a secret' }, "open(): 'size' was given a string; a number is allowed"],
      [{ isLoud: 1 }, "open(): 'isLoud' was given a number; true or false is allowed"],
      [{ onStep: {} }, "open(): 'onStep' was given an object; a function is allowed"],
      [{ labels: () => 1 }, "open(): 'labels' was given a function; an object is allowed"],
      [{ signal: new AbortController() }, "open(): 'signal' was given an AbortController; an AbortSignal is allowed"],
      [{ signal: null }, "open(): 'signal' was given null; an AbortSignal is allowed"],
      [{ even: 3 }, "open(): 'even' was given a number; an even number is allowed"],
    ];
    for (const [options, sentence] of wrong) expect(saidOf(options)).to.equal(sentence);
  });

  it('differ from values that are not an object of options', () => {
    const { signal } = new AbortController();
    expect(saidOf(signal)).to.equal('open() takes an object of options; an AbortSignal was given');
    expect(saidOf(null)).to.equal('open() takes an object of options; null was given');
    expect(saidOf([])).to.equal('open() takes an object of options; an Array was given');
    expect(saidOf('x')).to.equal('open() takes an object of options; a string was given');
    expect(saidOf(() => 1)).to.equal('open() takes an object of options; a function was given');
  });
});

describe('the description of a value in an error', () => {
  it('is its type', () => {
    class Evil {}
    Object.defineProperty(Evil, 'name', { value: 'x\u001b[2J' });
    const shown = [undefined, null, 5, 'text', {}, new Map(), [], runInNewContext('[]'), new Evil(), Symbol('x')].map(
      kindOf,
    );
    expect(shown).to.deep.equal([
      ...['undefined', 'null', 'a number', 'a string', 'an object', 'a Map', 'an Array', 'an Array'],
      ...['a x\\u{1b}[2J', 'a symbol'],
    ]);
    const trap = new Proxy(
      {},
      {
        get() {
          throw new Error('trap');
        },
      },
    );
    expect(kindOf(trap)).to.equal('an object');
    expect([NaN, -1, 5n, '5'].map(numberOrKind)).to.deep.equal(['NaN', '-1', '5', 'a string']);
  });

  it('is a hint if a Result was given instead of its value', () => {
    expect(() => checkConnection('a stream', ok({}))).to.throw(
      TypeError,
      'a stream takes a connection or a handle; a Result was given: unwrap() it first',
    );
    expect(() => checkConnection('a stream', null)).to.throw(TypeError, 'null was given');
    expect(() => checkConnection('a stream', { isConnected: () => true })).not.to.throw();
  });
});
