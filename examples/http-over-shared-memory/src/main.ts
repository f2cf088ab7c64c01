/** `npm run example -- http-over-shared-memory`: an ordinary HTTP client and server, without a socket of TCP. */
import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type ConnectionConfig, type ConnectionHandle, createNetworking, type Networking, unwrap } from 'entropynet';
import { toDuplex } from '@entropynet/streams';

const UPLOAD_BYTES = 8 * 1024 * 1024;
const SERVER = fileURLToPath(new URL('./server.js', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'entropynet-http-'));
const config: ConnectionConfig = {
  endpoint: 'pages',
  fallback: ['ws://127.0.0.1:0/pages'],
  sharedMemory: { directory: join(folder, 'run') },
};
const child = fork(SERVER, [JSON.stringify(config)]);
try {
  const [addresses] = (await once(child, 'message')) as [string[]];
  await using networking = await createNetworking({ log: () => undefined });
  // The same configuration, with the port that the system gave.
  const fallback = addresses.filter((address) => address.startsWith('ws:'));
  await work(networking, { ...config, fallback });
} finally {
  child.kill();
  rmSync(folder, { recursive: true, force: true });
}

async function work({ manager }: Networking, clientConfig: ConnectionConfig): Promise<void> {
  const connect = async (): Promise<ConnectionHandle> => {
    const connection = unwrap(manager.openConnection(clientConfig));
    unwrap(await connection.connect());
    return connection;
  };

  const first = await connect();
  const page = await send(first, { path: '/index.html' });
  print('status', `${page.statusCode ?? 0} over ${first.getBackend() ?? 'nothing'}`);
  print('answered by the other process', (await text(page)).includes(`process ${child.pid ?? 0}`) ? 'yes' : 'no');

  const upload = randomBytes(UPLOAD_BYTES);
  const echo = await buffer(await send(await connect(), { path: '/echo', method: 'POST' }, upload));
  print('bytes there and back', echo.length);
  const isSame = sha256(echo) === sha256(upload);
  print('the same bytes', isSame ? 'yes' : 'no');
  if (!isSame) process.exitCode = 1;
}

/** An ordinary request; only where its socket comes from is said. */
async function send(connection: ConnectionHandle, options: RequestOptions, body?: Buffer): Promise<IncomingMessage> {
  const sent = request({ ...options, host: 'peer', createConnection: () => toDuplex(connection) });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function print(what: string, value: number | string): void {
  console.log(`${what.padEnd(34)}${value}`);
}
