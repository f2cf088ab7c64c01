import { runInNewContext } from 'node:vm';
import {
  defineTransportSection,
  optionSchemas,
  type OptionsSchema,
  resolveConnectionConfig,
  resolveOwnConfig,
  unwrap,
} from '@entropynet/core';
import '@entropynet/transport-shm';
import '@entropynet/transport-ws';
import { expect } from 'chai';
import * as v from 'valibot';

const SECRET = 'correct horse battery';

function messageOf(config: unknown): string {
  const result = resolveConnectionConfig(config);
  if (result.ok) throw new Error('an error was expected');
  expect(result.error.code).to.equal('InvalidParameter');
  expect(result.error.cause, 'a cause would hold the configuration').to.equal(undefined);
  return result.error.message;
}

describe('a configuration', () => {
  it('gets every default, also those of the sections of loaded transports', () => {
    const config = unwrap(resolveConnectionConfig({ endpoint: 'canvas' }));
    expect(config).to.deep.include({ backend: 'auto', fallback: [], connectTimeoutMs: 5000 });
    expect(config.sharedMemory.regionSize).to.equal(4 * 1024 * 1024);
    expect(config.webSocket.heartbeat).to.deep.equal({ intervalMs: 5000, timeoutMs: 15_000 });
    expect(Object.isFrozen(config)).to.equal(true);
    expect(unwrap(resolveConnectionConfig(config))).to.equal(config);
  });

  it('names each wrong key, the given type and the allowed values', () => {
    const message = messageOf({ endpoint: '', connectTimeoutMs: Infinity, speed: 9, sharedMemory: { regionsize: 1 } });
    expect(message).to.include("'endpoint' was given an empty string");
    expect(message).to.include("'connectTimeoutMs' was given Infinity; a whole number from 1 to 2147483647 is allowed");
    expect(message).to.include("unknown key 'speed' (given 9; allowed here: endpoint, backend");
    expect(message).to.include("unknown key 'sharedMemory.regionsize' (given 1; allowed here: regionSize, prefault");
    expect(messageOf({ endpoint: 'x', sharedMemory: { wait: 'sleepy' } })).to.include(
      "'sharedMemory.wait' was given \"sleepy\"; one of 'adaptive', 'sleep', 'spin' is allowed",
    );
    expect(messageOf({ endpoint: 'x', reconnect: { initialDelayMs: 5, maxDelayMs: 1 } })).to.include(
      "'reconnect.initialDelayMs' was given 5; at most maxDelayMs is allowed",
    );
    expect(messageOf({ endpoint: 'ws://' })).to.include(
      "'endpoint' was given \"ws://\"; it is empty; a name like 'canvas'",
    );
    expect(messageOf({ endpoint: 'wss://x', webSocket: { tls: { minVersion: 'TLSv1' } } })).to.include(
      "'webSocket.tls.minVersion' was given \"TLSv1\"; one of 'TLSv1.2', 'TLSv1.3' is allowed",
    );
    expect(messageOf({ endpoint: 'x', sharedMemory: { wait: 'sleep ' } })).to.include("one of 'adaptive', 'sleep'");
    expect(messageOf({})).to.include("'endpoint' was given nothing; it is required");
    expect(messageOf(undefined)).to.include('the configuration was given nothing');
    expect(messageOf(null)).to.include('the configuration was given null');
    expect(messageOf(['x'])).to.include('the configuration was given a list');
  });

  it('never shows a value that may be secret, at any place', () => {
    const wrong: readonly object[] = [
      { websocket: { headers: { authorization: `Bearer ${SECRET}` } } },
      { secrte: SECRET },
      { options: { secret: SECRET } },
      { secret: [SECRET] },
      { secret: { value: SECRET } },
      { secret: 271_828_182 },
      { webSocket: SECRET },
      { webSocket: { tls: { privateKey: Buffer.from(SECRET) } } },
      { webSocket: { tls: { key: SECRET } } },
      { webSocket: { tls: [SECRET] } },
      { webSocket: { tls: { privateKey: 271_828_182 } } },
      { webSocket: { headers: { authorization: [SECRET] } } },
      { webSocket: { header: { authorization: SECRET } } },
      { webSocket: { allowedOrigins: SECRET } },
      { webSocket: { heartbeat: { intervalMs: SECRET } } },
      { transportOptions: { secret: SECRET } },
      { transportOptions: SECRET },
      { sharedMemory: { wait: `${SECRET} ${SECRET}` } },
      { connectTimeoutMs: SECRET },
      { fallback: [`ws://user:${SECRET}@host/\u0000`] },
      { fallback: `ws://user:${SECRET}@host` },
      { endpoint: `ws://user:${SECRET}@host/?t=${SECRET}\n` },
    ];
    for (const each of wrong) {
      const message = messageOf({ endpoint: 'x', ...each });
      expect(message, JSON.stringify(each)).not.to.match(/correct|horse|battery|271828182/);
    }
  });

  it('returns an error for any content', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const throwing = {
      endpoint: 'x',
      get connectTimeoutMs(): number {
        throw new Error(SECRET);
      },
    };
    const hostile = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error(SECRET);
        },
      },
    );
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    class Guarded {
      constructor() {
        Object.defineProperty(this, 'factor', { enumerable: true, get: () => expect.fail(SECRET) });
      }
    }
    class Nameless {
      get [Symbol.toStringTag](): string {
        throw new Error(SECRET);
      }
    }
    const endless = new Proxy([], {
      get() {
        throw new Error(SECRET);
      },
    });
    const values: readonly unknown[] = [
      circular,
      Symbol(SECRET),
      5n,
      () => SECRET,
      hostile,
      proxy,
      new Guarded(),
      new Nameless(),
      endless,
      new Map(),
      Object.create(null),
      NaN,
    ];
    for (const value of values) {
      for (const config of [
        { endpoint: 'x', server: value },
        { endpoint: 'x', webSocket: value },
        { endpoint: 'x', sharedMemory: { regionSize: value } },
        { endpoint: 'x', reconnect: value },
        { endpoint: 'x', fallback: value },
        { endpoint: 'x', transportOptions: { other: value } },
        { endpoint: value },
        value,
      ]) {
        const result = resolveConnectionConfig(config);
        if (!result.ok) expect(result.error.message).not.to.include(SECRET);
      }
    }
    expect(messageOf(throwing)).to.include("'connectTimeoutMs' can't be read: reading it threw");
    expect(messageOf(hostile)).to.include("the configuration can't be read");
    expect(messageOf(proxy)).to.include("the configuration can't be read");
    expect(messageOf({ endpoint: 'x', fallback: endless })).to.include("'fallback' can't be read: reading it threw");
    const tooLong = new Proxy([], { get: (_list, key) => (key === 'length' ? 2 ** 53 : undefined) });
    expect(messageOf({ endpoint: 'x', fallback: tooLong })).to.include("'fallback' can't be read: reading it threw");
    const red = Object.defineProperty({ endpoint: 'x' }, '\u001b[31m', {
      enumerable: true,
      get: () => expect.fail(SECRET),
    });
    expect(messageOf(red)).to.include("'\\u{1b}[31m' can't be read: reading it threw");
    expect(messageOf({ endpoint: 'x', reconnect: new Guarded() })).to.include("'reconnect' can't be read");
    expect(messageOf({ endpoint: 'x', webSocket: { tls: new Guarded() } })).to.include(
      "'webSocket' was given an object",
    );
    expect(messageOf({ endpoint: 'x', connectTimeoutMs: 5n })).to.include("'connectTimeoutMs' was given 5;");
  });

  it('is read once: a getter can not give another value later', () => {
    let reads = 0;
    const config = {
      get endpoint(): string {
        reads += 1;
        return reads === 1 ? 'canvas' : '\u0000';
      },
    };
    expect(unwrap(resolveConnectionConfig(config)).endpoint).to.equal('canvas');
    expect(reads).to.equal(1);
  });

  it('may be a class instance, without a prototype, from another realm, or with undefined members', () => {
    class Settings {
      endpoint = 'x';
      get helper(): number {
        return 1;
      }
    }
    for (const config of [
      new Settings(),
      Object.assign(Object.create(null) as object, { endpoint: 'x' }),
      runInNewContext("({ endpoint: 'x', fallback: ['ws://h'], webSocket: { headers: { a: 'b' } } })") as object,
      { endpoint: 'x', secret: undefined, fallback: undefined, webSocket: undefined, reconnect: undefined },
      JSON.parse('{ "endpoint": "x", "sharedMemory": { "wait": "spin" } }') as object,
    ])
      expect(unwrap(resolveConnectionConfig(config)).endpoint).to.equal('x');
  });

  it('is checked as usual if a program extended Object.prototype', () => {
    let result;
    Object.defineProperty(Object.prototype, 'extension', { value: () => 0, enumerable: true, configurable: true });
    try {
      result = resolveConnectionConfig({ endpoint: 'x', webSocket: { headers: { a: 'b' } }, reconnect: {} });
    } finally {
      delete (Object.prototype as { extension?: unknown }).extension;
    }
    expect(unwrap(result).webSocket.headers).to.have.own.property('a');
  });
});

describe('the section of a transport', () => {
  it('is checked by its schema and typed by declaration merging', () => {
    const { optionsSchema } = defineTransportSection({
      optionsKey: 'unitTest',
      optionsSchema: optionSchemas.section({ depth: v.optional(optionSchemas.wholeNumber(1, 9), 3) }),
    });
    expect(unwrap(resolveConnectionConfig({ endpoint: 'x' }))).to.deep.include({ unitTest: { depth: 3 } });
    expect(messageOf({ endpoint: 'x', unitTest: { depth: 10, width: 1 } }))
      .to.include("'unitTest.depth' was given 10; a whole number from 1 to 9 is allowed")
      .and.to.include("unknown key 'unitTest.width' (given 1; allowed here: depth)");
    expect(optionsSchema.entries).to.have.property('depth');
  });

  it('is complete for each of two copies of a transport', () => {
    const copy = (name: string) =>
      defineTransportSection({
        optionsKey: 'copied',
        optionsSchema: optionSchemas.section({ depth: v.optional(optionSchemas.wholeNumber(1, 9), 3) }),
        faultOf: () => `a fault that the ${name} copy finds`,
      });
    for (const [name, section] of [
      ['first', copy('first')],
      ['second', copy('second')],
    ] as const) {
      const own = resolveOwnConfig({ endpoint: 'x' }, section);
      expect(own.ok ? 'ok' : own.error.message).to.include(`a fault that the ${name} copy finds`);
    }
    // Tests of later files have a configuration without faults.
    defineTransportSection({ optionsKey: 'copied', optionsSchema: optionSchemas.section({}) });
  });

  it('may have a schema of any library, whose quoted values are not shown', () => {
    const validate = (outcome: () => unknown): OptionsSchema => ({
      '~standard': { version: 1, vendor: 'test', validate: outcome as OptionsSchema['~standard']['validate'] },
    });
    const given = { endpoint: 'x', foreign: { word: SECRET } };
    const outcomeOf = (outcome: () => unknown): string => {
      const result = resolveConnectionConfig(given, [{ optionsKey: 'foreign', optionsSchema: validate(outcome) }]);
      return result.ok ? JSON.stringify(result.value) : result.error.message;
    };
    const quoting = outcomeOf(() => ({ issues: [{ message: `got "${SECRET}"`, path: ['word'] }] }));
    expect(quoting).to.include("'foreign.word' was given a string; another value is allowed");
    expect(outcomeOf(() => ({ issues: [{ message: `got ${SECRET}` }] }))).not.to.include(SECRET);
    given.foreign.word = 'short';
    for (const sentence of ['got short.', 'got "short", wanted more', 'short', "a 'short'"])
      expect(
        outcomeOf(() => ({ issues: [{ message: sentence }] })),
        sentence,
      ).to.include('another value is allowed');
    // A key may be longer than an error shows.
    const key = 'k'.repeat(80);
    Object.assign(given.foreign, { [key]: SECRET });
    const long = outcomeOf(() => ({ issues: [{ message: `got "${SECRET}"`, path: [key] }] }));
    expect(long).to.include('was given a string; another value is allowed');
    // No secret: the commonest mistake with a flag.
    given.foreign.word = 'true';
    expect(outcomeOf(() => ({ issues: [{ message: 'true or false is allowed', path: ['word'] }] }))).to.include(
      "'foreign.word' was given a string; true or false is allowed",
    );
    given.foreign.word = SECRET;
    expect(outcomeOf(() => ({ issues: [{ message: 'too long', path: [{ key: 'word' }] }] }))).to.include(
      "'foreign.word' was given a string; too long",
    );
    expect(outcomeOf(() => Promise.resolve({ value: {} }))).to.include('asynchronous');
    expect(
      outcomeOf(() => {
        throw new Error(SECRET);
      }),
    ).to.include("'foreign' was given an object; its schema failed on this value");
    expect(outcomeOf(() => ({ value: { word: 'kept' } }))).to.include('"foreign":{"word":"kept"}');
  });

  it('may be checked by a function that throws', () => {
    const schema = optionSchemas.section({ depth: v.optional(optionSchemas.wholeNumber(1, 9), 3) });
    const faultOf = (): string => expect.fail(SECRET);
    defineTransportSection({ optionsKey: 'broken', optionsSchema: schema, faultOf });
    const message = messageOf({ endpoint: 'x' });
    // Tests of later files have a configuration without faults.
    defineTransportSection({ optionsKey: 'broken', optionsSchema: schema });
    expect(message).to.equal("invalid configuration: 'broken' could not be checked: the check of its transport threw");
  });

  it('of a transport that is not loaded is ignored by a single connection', () => {
    expect(messageOf({ endpoint: 'x', elsewhere: {} })).to.include("unknown key 'elsewhere'");
    expect(unwrap(resolveOwnConfig({ endpoint: 'x', elsewhere: {} }))).not.to.have.property('elsewhere');
    expect(resolveOwnConfig({ endpoint: 'x', elsewhere: 1 }).ok).to.equal(false);
  });
});
