import { describeThrown, err, NetworkError, printable, redactEndpoint, redactText } from '@entropynet/core';
import { expect } from 'chai';

describe('foreign text', () => {
  it('has no control, direction or invisible character after printable()', () => {
    const hostile = [
      0x00, 0x07, 0x0a, 0x1b, 0x7f, 0x80, 0x9b, 0x9f, 0xad, 0x61c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202e,
      0x2060, 0x2066, 0x2069, 0x3164, 0xfeff, 0xfff9, 0xd800, 0xdfff, 0xe0001, 0xe0041,
    ];
    for (const code of hostile) {
      const shown = printable(`a${String.fromCodePoint(code)}b`);
      expect(shown, code.toString(16)).to.equal(`a\\u{${code.toString(16)}}b`);
    }
  });

  it('keeps ordinary text', () => {
    for (const text of ['canvas', 'Größe/日本語 🎉', "it's 5 µs — “quoted”", ''])
      expect(printable(text)).to.equal(text);
  });

  it('has a limited length, at any cut', () => {
    for (const text of ['x'.repeat(1e6), '\u001b'.repeat(1e6), '🎉'.repeat(1e5)]) {
      for (const length of [1, 2, 7, 8, 200]) {
        const shown = printable(text, length);
        expect(shown.length).to.be.at.most(length);
        expect(shown.endsWith('…')).to.equal(true);
        expect(shown).not.to.match(/\p{Cs}/u);
      }
    }
    expect(printable('x'.repeat(200))).to.equal('x'.repeat(200));
  });

  it("may be a value that can't become a string", () => {
    expect(printable(Object.create(null))).to.equal("a value that can't be turned into text");
    expect(printable(Symbol('s'))).to.equal('Symbol(s)');
    expect(printable(undefined)).to.equal('undefined');
  });
});

describe('an endpoint that is shown', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['canvas', 'canvas'],
    ['shm://canvas', 'shm://canvas'],
    ['ws://host:80/path', 'ws://host:80/path'],
    ['wss://[::1]:443/a@b', 'wss://[::1]:443/a@b'],
    ['ws://user:secret@host/x', 'ws://***@host/x'],
    ['ws://secret@host:1/x', 'ws://***@host:1/x'],
    ['WS://user:secret@host', 'WS://***@host'],
    ['ws://user:sec@ret@host/x', 'ws://***@host/x'],
    ['ws://user:sec/ret@host/x', 'ws://***@host/x'],
    ['ws://user:sec?ret@host/x', 'ws://***@host/x'],
    ['ws://user:sec#ret@host/x', 'ws://***@host/x'],
    ['ws://user:s@cr:t/secret@host/x', 'ws://***@host/x'],
    ['ws:/user:secret@host', 'ws:/***@host'],
    ['ws:\\\\user:secret@host', 'ws:\\\\***@host'],
    ['user:secret@host:8080', '***@host:8080'],
    ['me@home', 'me@home'],
    ['ws://host/x?token=secret', 'ws://host/x?***'],
    ['ws://host?token=secret#a', 'ws://host?***'],
    ['ws://user:secret@:99999/', 'ws://***@:99999/'],
    ['ws://host/\u001b[2J', 'ws://host/\\u{1b}[2J'],
  ];
  for (const [given, shown] of cases) {
    it(`${JSON.stringify(given)} is shown as ${JSON.stringify(shown)}`, () => {
      expect(redactEndpoint(given)).to.equal(shown);
      expect(redactText(`at '${given}' nothing`)).not.to.match(given.includes('://') ? /secret/ : /^$/);
    });
  }

  it('is found in any sentence in linear time', () => {
    const long = 'x'.repeat(1_000_000);
    const cases: readonly (readonly [string, string])[] = [
      [long, long],
      [`${long} ws://user:secret@host/`, `${long} ws://***@host/`],
      [`${long}://user:secret@host/ end`, long],
      ['://'.repeat(300_000), '://'.repeat(300_000)],
      [`${'1+'.repeat(300_000)}://user@host`, `${'1+'.repeat(300_000)}://user@host`],
      ['a:// a://u:secret@b'.repeat(10_000), 'a:// a://***@b'.repeat(10_000)],
      ['"1.ws://u:secret@h" <wss://u:secret@h> `a+b://h?t=secret`', '"1.ws://***@h" <wss://***@h> `a+b://h?***`'],
    ];
    for (const [given, shown] of cases) {
      const redacted = redactText(given, Number.MAX_SAFE_INTEGER);
      expect(redacted.slice(0, 100)).to.equal(shown.slice(0, 100));
      expect(redacted).not.to.include('secret');
      if (!given.startsWith(`${long}:`)) expect(redacted.length).to.equal(shown.length);
    }
  });

  it('has at most 256 characters', () => {
    expect(redactEndpoint(`ws://host/${'x'.repeat(2000)}`)).to.have.lengthOf(256);
  });
});

describe('the description of a thrown value', () => {
  it('is one printable line without the secrets of addresses', () => {
    const sentence = 'no answer of redis://me:secret@host/0?token=secret\n\u001b[2J';
    const shown = 'no answer of redis://***@host/0?***\\u{a}\\u{1b}[2J';
    for (const thrown of [new Error(sentence), { message: sentence }, sentence]) {
      expect(describeThrown(thrown)).to.equal(shown);
    }
    expect(describeThrown(new Error('x'.repeat(1e6)))).to.have.lengthOf(4096);
    expect(describeThrown(Object.create(null))).to.equal("a object that can't be printed");
  });
});

describe('JSON of a NetworkError', () => {
  it('has code, message and the causes, redacted', () => {
    const inner = Object.assign(new Error('connect ECONNREFUSED ws://bob:secret@host/?t=secret'), {
      code: 'ECONNREFUSED',
      config: { secret: 'secret' },
    });
    const { error } = err('TransportUnavailable', 'nobody listens', err('Timeout', 'too late', inner).error);
    const json = JSON.stringify(error);
    expect(json).not.to.include('secret');
    expect(JSON.parse(json)).to.deep.equal({
      name: 'NetworkError',
      code: 'TransportUnavailable',
      message: 'nobody listens',
      cause: {
        name: 'NetworkError',
        code: 'Timeout',
        message: 'too late',
        cause: { name: 'Error', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED ws://***@host/?***' },
      },
    });
  });

  it('never throws, for any cause', () => {
    const circular = new Error('round');
    circular.cause = circular;
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('no');
        },
      },
    );
    for (const cause of [circular, hostile, 5n, Symbol('s'), () => 0, Object.create(null), null, 0, 'text', [hostile]])
      expect(JSON.parse(JSON.stringify(new NetworkError('Aborted', 'm', cause)))).to.include({ code: 'Aborted' });
  });

  it('cuts lists that contain themselves, and long ones', () => {
    const list: unknown[] = [];
    for (let count = 0; count < 1000; count += 1) list.push(list);
    expect(JSON.stringify(new NetworkError('Aborted', 'm', list))).to.have.length.below(2000);
    const { cause } = new NetworkError(
      'Aborted',
      'm',
      Array.from({ length: 1000 }, (_, index) => index),
    ).toJSON();
    expect(cause).to.deep.equal([...Array.from({ length: 255 }, (_, index) => index), '\u2026']);
  });

  it('keeps a list of reasons as it is', () => {
    const passedOver = [{ backend: 'a', endpoint: 'b', code: 'Timeout', reason: 'c' }];
    expect(JSON.parse(JSON.stringify(new NetworkError('Timeout', 'm', passedOver)))).to.deep.include({
      cause: passedOver,
    });
  });
});
