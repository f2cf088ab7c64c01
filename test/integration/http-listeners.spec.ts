import { unwrap } from '@entropynet/core';
import { serveInspector } from '@entropynet/inspector';
import { metricsHandler } from '@entropynet/prometheus';
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { freshName } from '../support/fresh-name.js';

const DASHBOARD = fileURLToPath(new URL('../../../examples/browser-dashboard/dist/main.js', import.meta.url));

/** Request targets that a URL parser refuses, or that lead elsewhere. */
const TARGETS = [
  '//',
  '///',
  '//[',
  '//%',
  '/\\',
  '//a:b',
  'http://[::1',
  'http://',
  '*',
  '/%',
  '/%E0%A4%A',
  '/?token=%',
];
const HEADS = [
  ...TARGETS.flatMap((target) => [`GET ${target}`, `HEAD ${target}`, `OPTIONS ${target}`]),
  'CONNECT 127.0.0.1:1',
  'CONNECT //',
];
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const EXTRAS: Readonly<Record<string, string>> = {
  'a plain request': '',
  'an upgrade': UPGRADE,
  'an upgrade with a broken key': `${UPGRADE}Sec-WebSocket-Key: \xff\r\nSec-WebSocket-Version: x\r\n`,
  'an upgrade to another protocol': 'Connection: Upgrade\r\nUpgrade: //\r\n',
  'headers that are no tokens': 'Origin: //[\r\nCookie: =;=%\r\nTransfer-Encoding: x\r\n',
};

/** Sends bytes. Resolves with the status of the answer after the server has closed; 0 if there is no answer. */
function statusOf(port: number, text: string): Promise<number> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(text, 'latin1'));
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0));
    });
  });
}

/** Sends every wrong request to a server that must survive. Each answer must be a refusal, or there is none. */
async function expectRefusals(port: number, allowed: (status: number) => boolean): Promise<void> {
  for (const [what, headers] of Object.entries(EXTRAS)) {
    for (const head of HEADS) {
      const text = `${head} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n${headers}\r\n`;
      const status = await statusOf(port, text);
      expect(allowed(status), `${head} as ${what} was answered with ${status}`).to.equal(true);
    }
  }
}

describe('HTTP listeners, with requests that no parser accepts', () => {
  it('the inspector refuses each one and serves the next', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'entropynet-listeners-'));
    const inspector = unwrap(await serveInspector({ directory, endpoint: freshName(), intervalMs: 50 }));
    try {
      const port = Number(new URL(inspector.address).port);
      await expectRefusals(port, (status) => status === 0 || (status >= 400 && status < 500));
      expect(await statusOf(port, `GET // HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)).to.equal(404);
      for (const host of ['', 'Host: \r\n', 'Host: //\r\n', 'Host: [\r\n'])
        expect(await statusOf(port, `GET / HTTP/1.0\r\n${host}\r\n`), host).to.equal(403);
      expect((await fetch(inspector.address)).status).to.equal(200);
    } finally {
      await inspector.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('the dashboard of the examples refuses each one and serves the next', async () => {
    const program = spawn(process.execPath, [DASHBOARD], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(program, 'exit');
    try {
      const [line] = (await once(program.stdout, 'data')) as [Buffer];
      const address = line.toString().trim();
      await expectRefusals(Number(new URL(address).port), (status) => status === 0 || (status >= 200 && status < 500));
      expect((await fetch(address)).status).to.equal(200);
    } finally {
      program.kill();
      await exit;
    }
  });

  it('the handler of metrics answers each one, even if its registry throws at once', async () => {
    const register = new Registry();
    const server = createServer(metricsHandler(register)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      await expectRefusals(port, (status) => status === 0 || status === 200 || (status >= 400 && status < 500));
      const warnings: string[] = [];
      const onWarning = (warning: Error): void => void warnings.push(warning.message);
      process.on('warning', onWarning);
      register.metrics = () => {
        throw new Error('a registry of its own kind');
      };
      expect(await statusOf(port, 'GET / HTTP/1.0\r\n\r\n')).to.equal(500);
      register.metrics = () => Promise.resolve('fine');
      Object.defineProperty(register, 'contentType', { value: 'not a\nheader' });
      expect(await statusOf(port, 'GET / HTTP/1.0\r\n\r\n')).to.equal(500);
      process.off('warning', onWarning);
      expect(warnings).to.have.length(2);
    } finally {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    }
  });
});
