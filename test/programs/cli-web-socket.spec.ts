import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { type AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Scope, scoped } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { type CommandEnd, RunningCommand } from '../support/command.js';
import { LOCALHOST_CERTIFICATE, LOCALHOST_PRIVATE_KEY } from '../support/web-socket/localhost-certificate.js';

const folder = mkdtempSync(join(tmpdir(), 'entropynet-cli-ws-'));
const certificate = join(folder, 'certificate.pem');
const privateKey = join(folder, 'key.pem');
const OWN = ['--cert', certificate, '--key', privateKey];
const TRUSTING = ['--ca', certificate];
const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));

function start(scope: Scope, line: readonly string[], input?: string): RunningCommand {
  return scope.add(new RunningCommand(line, {}, input));
}

async function run(scope: Scope, line: readonly string[], input = ''): Promise<CommandEnd> {
  return await start(scope, line, input).ended();
}

/** A server for one client, and its address. */
async function listening(scope: Scope, line: readonly string[]): Promise<{ server: RunningCommand; address: string }> {
  const server = start(scope, ['listen', ...line], '');
  return { server, address: await server.address() };
}

/** Returns the status of a server's answer to a page that requests a WebSocket. */
async function statusFor(address: string, origin: string): Promise<number | undefined> {
  const asking = request(address.replace(/^ws:/, 'http:'), {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol': 'entropynet.v1',
      Origin: origin,
    },
  });
  asking.end();
  const status = new Promise<number | undefined>((resolve, reject) => {
    asking.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    asking.once('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asking.once('error', reject);
  });
  return await status;
}

describe('the command line over WebSocket', () => {
  before(async () => {
    await writeFile(certificate, LOCALHOST_CERTIFICATE);
    await writeFile(privateKey, LOCALHOST_PRIVATE_KEY);
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it(
    'talks over wss:// with --cert, --key and --ca',
    scoped(async (scope) => {
      const { server, address } = await listening(scope, ['wss://localhost:0/', ...OWN, '--once']);
      const untrusting = await run(scope, ['connect', address], 'nobody\n');
      expect(untrusting.code).to.equal(1);
      expect(untrusting.errors).to.match(/^entropynet: .*certificate/m);
      const trusting = await run(scope, ['connect', address, ...TRUSTING], 'hello\n');
      expect(trusting.code, trusting.errors).to.equal(0);
      expect((await server.ended()).output).to.equal('[1] hello\n');
    }),
  );

  it(
    'asks clients for a certificate with --ca, and shows one with --cert and --key',
    scoped(async (scope) => {
      const { server, address } = await listening(scope, ['wss://localhost:0/', ...OWN, ...TRUSTING, '--once']);
      const without = await run(scope, ['connect', address, ...TRUSTING], 'nobody\n');
      expect(without.code, without.errors).to.equal(1);
      const withOne = await run(scope, ['connect', address, ...TRUSTING, ...OWN], 'hello\n');
      expect(withOne.code, withOne.errors).to.equal(0);
      expect((await server.ended()).output).to.equal('[1] hello\n');
    }),
  );

  it(
    'names the missing one of --cert and --key',
    scoped(async (scope) => {
      for (const [given, missing] of [
        [['--cert', certificate], 'privateKey'],
        [['--key', privateKey], 'certificate'],
      ] as const) {
        const end = await run(scope, ['listen', 'wss://localhost:0/', ...given]);
        expect(end.code, end.errors).to.equal(2);
        expect(end.errors).to.include(missing);
      }
    }),
  );

  it(
    'sends the headers of --header, also those of a file',
    scoped(async (scope) => {
      const server = createServer();
      scope.defer(() => {
        server.close();
        server.closeAllConnections();
      });
      const asked = once(server, 'upgrade');
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const file = join(folder, 'headers');
      await writeFile(file, 'Authorization: Bearer of the file\n\nX-Second: 2\n');
      const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const client = start(scope, ['connect', address, '-H', 'X-First: a: b', '--header', `@${file}`], '');
      const [{ headers }, socket] = (await asked) as [{ headers: object }, { end(text: string): void }];
      expect(headers).to.include({ 'x-first': 'a: b', authorization: 'Bearer of the file', 'x-second': '2' });
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      const end = await client.ended();
      expect(end.code).to.equal(1);
      expect(end.errors).to.include('403').and.to.not.include('Bearer');
    }),
  );

  it(
    'names the wrong line of a header file, and not its content',
    scoped(async (scope) => {
      const file = join(folder, 'wrong-headers');
      await writeFile(file, 'X-First: 1\na secret without a name\n');
      const end = await run(scope, ['connect', 'ws://127.0.0.1:1/', '--header', `@${file}`]);
      expect(end.code).to.equal(2);
      expect(end.errors).to.include(`line 2 of ${file} is not 'Name: value'`).and.to.not.include('secret');
      const direct = await run(scope, ['connect', 'ws://127.0.0.1:1/', '-H', 'X-First: 1', '-H', 'a secret']);
      expect(direct.code).to.equal(2);
      expect(direct.errors).to.include("--header number 2 is not 'Name: value'").and.to.not.include('secret');
    }),
  );

  it(
    'accepts only the pages of --origin',
    scoped(async (scope) => {
      const pages = ['http://localhost:5173', 'https://page.example'];
      const { address } = await listening(scope, ['ws://127.0.0.1:0/', ...pages.flatMap((page) => ['--origin', page])]);
      for (const page of pages) expect(await statusFor(address, page)).to.equal(101);
      expect(await statusFor(address, 'https://other.example')).to.equal(403);
      const wrong = await run(scope, ['listen', 'ws://127.0.0.1:0/', '--origin', 'https://page.example/']);
      expect(wrong.code, wrong.errors).to.equal(2);
    }),
  );

  it('prints an address if it listens on every address of this machine', async function () {
    const hosts = ['0.0.0.0', ...(hasIpv6 ? ['[::]'] : [])];
    await scoped(async (scope) => {
      for (const host of hosts) {
        const { server, address } = await listening(scope, [`ws://${host}:0/here`]);
        expect(address)
          .to.match(/^ws:\/\/.*:\d+\/here$/)
          .and.to.include(host);
        expect(server.errors).to.include('(every address of this machine, such as ws://');
      }
    })();
  });
});
