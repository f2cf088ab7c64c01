import { existsSync, mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runInProcess } from '@entropynet/test/support/command-in-process';

describe('arguments of the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-arguments-'));
  after(() => rm(folder, { recursive: true, force: true }));

  const LONG = `/${'x'.repeat(300)}`;

  const FILE = join(folder, 'some-text');
  const NO_LIST = join(folder, 'no-list.json');
  before(async () => {
    await writeFile(FILE, 'text');
    await writeFile(NO_LIST, '{"fallback": 5}');
  });

  const CASES: readonly (readonly [string, readonly string[], number, string])[] = [
    ['an unknown command', ['nonsense'], 2, "unknown command 'nonsense'"],
    ['an unknown command that commands a terminal', ['\u001b[2J'], 2, "unknown command '\\u{1b}[2J'"],
    ['a missing endpoint', ['ping'], 2, "missing required argument 'endpoint'"],
    ['an unknown scheme', ['ping', 'ftp://here'], 2, "unknown scheme 'ftp'"],
    ['a number that is none', ['ping', 'x', '--count', 'many'], 2, "'many' is not a whole number of 1 or more"],
    ['options that exclude each other', ['connect', 'x', '--hex', '--stream'], 2, '--hex and --stream exclude'],
    ['a configuration that is not there', ['connect', 'x', '--config', '/nowhere.json'], 2, "can't be read"],
    ['a file that is not there', ['send', '/nowhere/file', 'x'], 2, "can't be read"],
    ['a file without a name', ['send', '', 'x'], 2, '<file> was given nothing'],
    ['a folder instead of a file', ['send', folder, 'x'], 2, 'is not a file'],
    ['a device instead of a file', ['send', '/dev/null', 'x'], 2, 'is not a file'],
    ['a server that is not there', ['connect', 'ws://127.0.0.1:1/'], 1, 'could not be reached'],
    [
      'a header without a colon',
      ['connect', 'ws://127.0.0.1:1/', '--header', 'token'],
      2,
      "--header number 1 is not 'Name: value'",
    ],
    ['an interval that no timer holds', ['inspect', '--interval', '2147483648'], 2, 'from 50 to 2147483647'],
    ['a wait that no timer holds', ['ping', 'x', '--interval', '2147483648'], 2, 'from 0 to 2147483647'],
    ['a message longer than any may be', ['ping', 'x', '--size', '9007199254740991'], 2, 'from 8 to 1073741824'],
    ['a key that is not there', ['listen', 'wss://127.0.0.1:0/', '--key', '/nowhere.pem'], 2, "can't be read"],
    ['a folder of servers that is not there', ['inspect', '--directory', '/nowhere'], 2, '/nowhere does not exist'],
    ['the same, to clean', ['clean', '--directory', '/nowhere'], 2, '/nowhere does not exist'],
    ['a file instead of a folder of servers', ['clean', '--directory', '/dev/null'], 2, '/dev/null is not a folder'],
    ['a folder of servers without a name', ['clean', '--directory', ''], 2, '--directory was given nothing'],
    ['the same, to doctor', ['doctor', '--directory', ''], 2, '--directory was given nothing'],
    ['a folder of servers that is too long', ['inspect', '--directory', LONG], 2, 'it is too long (ENAMETOOLONG)'],
    ['a file where a folder has to be', ['receive', 'x', '/dev/null'], 2, 'another file has that name (EEXIST)'],
    ['a file above a folder', ['receive', 'x', '/dev/null/x'], 2, 'a part of it is a file and not a folder (ENOTDIR)'],
    ['a folder without a name', ['receive', 'x', ''], 2, '<folder> was given nothing'],
    ['a size that is none', ['receive', 'x', folder, '--max-size', 'much'], 2, "'much' is not a number above 0"],
    ['a folder in place of a configuration', ['connect', 'x', '--config', folder], 2, 'it is a folder (EISDIR)'],
    ['a port of no page', ['inspect', '--port', '5000'], 2, '--port needs --web'],
    ['a page that is shown once', ['inspect', '--web', '--once'], 2, '--web and --once exclude each other'],
    ['a channel without a name', ['listen', 'x', '--channel', ''], 2, 'a channel name has 1 to 255 bytes'],
    [
      'a channel with too long a name',
      ['connect', 'x', '--channel', LONG],
      2,
      '1 to 255 bytes of UTF-8; 301 were given',
    ],
    ['a stream that stays', ['connect', 'x', '--stay', '--stream'], 2, '--stay and --stream exclude each other'],
    ['headers without WebSocket', ['connect', 'x', '--header', 'A: b'], 2, '--header is for ws:// and wss://'],
    ['origins without WebSocket', ['listen', 'x', '--origin', 'http://a'], 2, '--origin is for ws:// and wss://'],
    ['credentials without NATS', ['connect', 'ws://127.0.0.1:1/', '--creds', FILE], 2, '--creds is for nats://'],
    [
      'a folder of servers without shared memory',
      ['connect', 'ws://127.0.0.1:1/', '--directory', folder],
      2,
      '--directory is for shared-memory endpoints, and none was given',
    ],
    ['the same, to doctor', ['doctor', 'nats://127.0.0.1:1/x', '--directory', folder], 2, '--directory is for shared'],
    ['an NKey without NATS', ['connect', 'x', '--nkey', FILE], 2, '--nkey is for nats://'],
    ['an authority without TLS', ['connect', 'x', '--ca', '/x'], 2, '--ca is for wss:// and nats://'],
    ['two ways of credentials', ['connect', 'nats://127.0.0.1:1/x', '--creds', FILE, '--nkey', FILE], 2, 'one of them'],
    ['a service that is none', ['listen', 'nats://127.0.0.1:1/a b'], 2, "can't be a service"],
    ['a fallback that is no list', ['connect', 'x', '--config', NO_LIST, '--ca', FILE], 2, "'fallback' was given"],
    ['a certificate for no endpoint', ['doctor', '--ca', '/x'], 2, '--ca is for an endpoint, and none was given'],
    ['a secret for no endpoint', ['doctor', '--secret-file', '/x'], 2, '--secret-file is for an endpoint'],
    ['a backend beside an endpoint', ['doctor', 'x', '--backend', 'nats'], 2, "unknown option '--backend'"],
    ['a time that no timer holds', ['connect', 'x', '--timeout', '2147483648'], 2, 'from 1 to 2147483647'],
  ];
  for (const [what, line, code, sentence] of CASES) {
    it(`give a sentence and an exit code: ${what}`, async () => {
      const end = await runInProcess(line);
      expect(end.errors).to.include(sentence);
      expect(end.errors.trim().split('\n').length).to.be.at.most(2);
      expect([end.code, end.output]).to.deep.equal([code, '']);
    });
  }

  it('give a sentence about a configuration file', async () => {
    const path = join(folder, 'wrong.json');
    await writeFile(path, '{"sendTimeout": 5}');
    const end = await runInProcess(['connect', 'x', '--config', path]);
    expect(end).to.include({ code: 2 });
    expect(end.errors).to.include("unknown key 'sendTimeout'");
    await writeFile(path, '{');
    expect((await runInProcess(['connect', 'x', '--config', path])).errors).to.include('is not JSON');
  });

  it('check each section of a configuration file, also beside options for it', async () => {
    const path = join(folder, 'sections.json');
    for (const wrong of ['5', '"x"', '[]', 'null']) {
      await writeFile(path, `{"webSocket": ${wrong}, "sharedMemory": ${wrong}, "nats": ${wrong}}`);
      const further = ['--fallback', 'ws://127.0.0.1:1/', '--fallback', 'nats://127.0.0.1:1/x'];
      for (const options of [[], ['--directory', folder, '--header', 'A: b', '--nkey', FILE, ...further]]) {
        const { code, errors } = await runInProcess(['connect', 'x', '--config', path, ...options]);
        expect(code).to.equal(2);
        for (const key of ['webSocket', 'sharedMemory', 'nats'])
          expect(errors).to.match(new RegExp(`'${key}' was given [^;]+; an object is allowed`));
      }
    }
  });

  it('check the headers and the certificates of a configuration file, also beside options for them', async () => {
    const path = join(folder, 'parts.json');
    for (const wrong of ['5', '"A: secret"', '["A: secret"]', 'null']) {
      await writeFile(path, `{"webSocket": {"headers": ${wrong}, "tls": ${wrong}}, "nats": {"tls": ${wrong}}}`);
      const further = ['--fallback', 'nats://127.0.0.1:1/x', '--config', path];
      for (const options of [[], ['--header', 'B: c', '--ca', FILE]]) {
        const { code, errors } = await runInProcess(['connect', 'wss://127.0.0.1:1/', ...further, ...options]);
        expect(code).to.equal(2);
        for (const key of ['webSocket.headers', 'webSocket.tls', 'nats.tls'])
          expect(errors, wrong).to.match(new RegExp(`'${key}' was given [^;]+; an object `));
      }
    }
  });

  it('name the source of a secret that is too short', async () => {
    const path = join(folder, 'short-secret');
    await writeFile(path, 'short');
    const config = join(folder, 'short-secret.json');
    await writeFile(config, '{"secret": "short"}');
    for (const [source, line] of [
      [path, ['--secret-file', path]],
      [path, ['--secret-file', path, '--config', config]],
      [config, ['--config', config]],
    ] as const) {
      const { code, errors } = await runInProcess(['connect', 'x', ...line]);
      expect(code).to.equal(2);
      expect(errors).to.include(`; the secret is from ${source} (InvalidParameter)`).and.not.to.include('short;');
    }
  });

  it('make no folder if the configuration is wrong', async () => {
    const path = join(folder, 'wrong-size.json');
    await writeFile(path, '{"maxMessageSize": 0}');
    const made = join(folder, 'a', 'b');
    expect(await runInProcess(['receive', 'x', made, '--config', path])).to.include({ code: 2 });
    expect(existsSync(join(folder, 'a'))).to.equal(false);
  });

  it('never show a value that may be a secret', async () => {
    const path = join(folder, 'secret.json');
    for (const text of [
      '{"secret": "hunter2hunter2", x}',
      '{"secret": hunter2hunter2}',
      "{'secret': 'hunter2hunter2'}",
    ]) {
      await writeFile(path, text);
      const { code, errors } = await runInProcess(['connect', 'x', '--config', path]);
      expect(code).to.equal(2);
      expect(errors).to.match(/is not JSON: (Unexpected token|Expected .* at position)/);
      expect(errors).not.to.include('hunter2');
    }
    await writeFile(path, 'X-Name: 1\nAuthorization=Bearer hunter2hunter2');
    for (const header of ['Authorization=Bearer hunter2hunter2', `@${path}`]) {
      const { errors } = await runInProcess(['connect', 'ws://127.0.0.1:1/', '--header', header]);
      expect(errors).to.include(header.startsWith('@') ? `line 2 of ${path} is not` : '--header number 1 is not');
      expect(errors).not.to.include('hunter2');
    }
  });

  for (const command of ['listen', 'connect', 'ping', 'send', 'receive', 'inspect', 'doctor', 'clean']) {
    it(`have an example in the help of ${command}`, async () => {
      const end = await runInProcess([command, '--help']);
      expect(end).to.include({ code: 0, errors: '' });
      expect(end.output).to.match(/\nExamples?[^]*\n {2}(echo|entropynet) /);
      expect(end.output).to.not.include('(default: "")');
    });
  }

  it('print the version', async () => {
    const path = new URL('../../package.json', import.meta.url);
    const { version } = JSON.parse(await readFile(path, 'utf8')) as { version: string };
    for (const option of ['--version', '-V'])
      expect(await runInProcess([option])).to.deep.equal({ code: 0, output: `${version}\n`, errors: '' });
  });
});
