/**
 * `npm run test:browser`: runs the conformance suite in a page of Chromium, against servers in processes of Node.js.
 * Prints the output of mocha.
 */
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { build } from 'vite';
import { WebSocketServer } from 'ws';
import { freePort, NatsServer, natsUnavailable } from '../support/nats/nats-server.js';
import { launchChromium } from './launch-chromium.js';
import { servePeer } from './serve-peer.js';
import type { TestResult } from './test-result.js';

const PAGE_FOLDER = resolve(import.meta.dirname, '../../page');

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/** With these headers, a page may use a SharedArrayBuffer. */
const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** Modules of Node.js that the suite uses, and their replacements in a page. */
const SHIMS = ['crypto', 'fs', 'timers/promises', 'timers', 'zlib'].map((name) => ({
  find: `node:${name}`,
  replacement: join(PAGE_FOLDER, 'shims', `${name.replace('/', '-')}.ts`),
}));

async function bundle(folder: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'warn',
    root: PAGE_FOLDER,
    build: { outDir: folder, emptyOutDir: true, minify: false, target: 'es2023', chunkSizeWarningLimit: 10_000 },
    resolve: {
      alias: [
        { find: /^.*\/peer\/peer-host\.js$/, replacement: join(PAGE_FOLDER, 'peer-host.ts') },
        { find: 'node:buffer', replacement: 'buffer/' },
        ...SHIMS,
      ],
    },
  });
}

/** Serves the page, and starts the peers that it asks for. */
async function serve(folder: string): Promise<{ address: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    const file = join(folder, path === '/' ? 'index.html' : path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { ...ISOLATION, 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    response.end(readFileSync(file));
  });
  const sockets = new WebSocketServer({ server, path: '/peer' });
  const peers = new Set<Promise<void>>();
  sockets.on('connection', (socket) => {
    const peer = servePeer(socket);
    peers.add(peer);
    void peer.finally(() => peers.delete(peer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      await Promise.all(peers);
      sockets.close();
      server.close();
    },
  };
}

/** Starts a NATS server for the page. The query contains its ports, or the reason for a missing server. */
async function startNats(): Promise<{ query: URLSearchParams; stop: () => Promise<void> }> {
  if (natsUnavailable !== undefined) {
    return { query: new URLSearchParams({ natsMissing: natsUnavailable }), stop: () => Promise.resolve() };
  }
  const webSocketPort = await freePort();
  const server = await NatsServer.start(`websocket { listen: "127.0.0.1:${webSocketPort}", no_tls: true }`);
  return {
    query: new URLSearchParams({ nats: String(server.port), natsWebSocket: String(webSocketPort) }),
    stop: () => server.stop(),
  };
}

/** The result of each test. */
async function runInChromium(address: string): Promise<readonly TestResult[]> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    return await new Promise((done, fail) => {
      page.on('pageerror', fail);
      page.on('crash', () => {
        fail(new Error('the page crashed'));
      });
      browser.on('disconnected', () => {
        fail(new Error('the browser ended'));
      });
      const run = async (): Promise<void> => {
        await page.exposeFunction('printLine', (line: string) => process.stdout.write(`${line}\n`));
        await page.exposeFunction('finish', done);
        await page.goto(address);
      };
      run().catch(fail);
    });
  } finally {
    await browser.close();
  }
}

/** Writes the results to the file that the checks read, as mocha's reporter does for the other tests. */
async function report(tests: readonly TestResult[], started: number): Promise<void> {
  const file = process.env['ENTROPYNET_TEST_RESULTS'];
  if (file === undefined) return;
  const module = new URL('../../../scripts/test-results.mjs', import.meta.url).href;
  const { writeResults } = (await import(module)) as {
    writeResults: (file: string, tests: readonly TestResult[], started: number) => void;
  };
  writeResults(file, tests, started);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-page-'));
  try {
    await bundle(folder);
    const { address, close } = await serve(folder);
    try {
      const started = Date.now();
      const nats = await startNats();
      const tests = await runInChromium(`${address}?${nats.query.toString()}`).finally(nats.stop);
      if (tests.some(({ state }) => state === 'failed')) process.exitCode = 1;
      await report(tests, started);
    } finally {
      await close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Partial<Error>).stack ?? String(error)}\n`);
  process.exitCode = 1;
}
