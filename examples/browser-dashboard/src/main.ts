/** `npm run example -- browser-dashboard`: a program with a page that shows what it does, and steers it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { jsonCodec, requestReply } from '@entropynet/messaging';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import sirv from 'sirv';
import { Engine } from './engine.js';
import { FEED, type Order, orderSchema, type Settings } from './protocol.js';

const HELP = `Usage: browser-dashboard [--port NUMBER]
An engine with a page that shows its frames and changes its settings. Prints the page's address; Ctrl+C ends it.
  --port NUMBER  the port of the page, 0 to 65535; by default any that is free
  -h, --help     print this
`;

const EXIT_WRONG_ARGUMENTS = 2;
const PAGE = fileURLToPath(new URL('./page/', import.meta.url));

const port = readPort();
if (port !== undefined) await run(port);

async function run(wanted: number): Promise<void> {
  const files = sirv(PAGE);
  const http = createServer((request, response) => {
    files(request, response, () => {
      response.writeHead(404).end();
    });
  });
  http.listen(wanted, '127.0.0.1');
  await once(http, 'listening');
  const address = `127.0.0.1:${(http.address() as AddressInfo).port}`;

  const { manager } = await createNetworking({ transports: [webSocketTransportModule] });
  const server = unwrap(
    manager.createServer({
      endpoint: `ws://${address}${FEED}`,
      // The page and its connection share a port; pages from elsewhere are not let in.
      webSocket: { server: http, allowedOrigins: [`http://${address}`] },
    }),
  );
  unwrap(await server.listen());
  process.stdout.write(`http://${address}/\n`);

  const codec = jsonCodec();
  const pages = new Set<{ trySend(bytes: Uint8Array): unknown }>();
  const engine = new Engine(20_000, (frame) => {
    const bytes = codec.encode(frame);
    // A page that can't keep up misses frames; the engine never waits for it.
    for (const page of pages) page.trySend(bytes);
  });
  for await (const page of server) {
    pages.add(page);
    page.on('state', (state) => {
      pages.delete(page);
      // The handle of a page that has left gives its place in the manager back.
      if (state === 'disconnected' || state === 'failed') void page.close();
    });
    void requestReply<Order, Settings>(page, { requestSchema: orderSchema }).then((requests) => {
      if (requests.ok) requests.value.handle((order) => engine.apply(order));
      // A page that can't be answered learns it by the end of its connection.
      else void page.close();
    });
  }
}

/** The port of the command line; undefined after `--help`, and after a wrong argument, which it names. */
function readPort(): number | undefined {
  try {
    const { values } = parseArgs({
      options: { port: { type: 'string', default: '0' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help === true) {
      process.stdout.write(HELP);
      return undefined;
    }
    const number = Number(values.port);
    if (Number.isInteger(number) && number >= 0 && number < 65_536) return number;
    throw new RangeError(`--port was given ${JSON.stringify(values.port)}; 0 to 65535 is allowed`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = EXIT_WRONG_ARGUMENTS;
    return undefined;
  }
}
