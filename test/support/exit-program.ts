import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { loadTransport } from '@entropynet/conformance/tools';
import { unwrap, type ConnectionConfig, type NetworkConnection, type Transport } from '@entropynet/core';
import { CHOSEN_EXIT_CODE, STILL_ALIVE_EXIT_CODE, type ExitTask, type LifeStage, type QuietLife } from './exit-task.js';

/** Keeps the objects of a stage from garbage collection. */
const held: unknown[] = [];

async function reachStage(transport: Transport, config: ConnectionConfig, stage: LifeStage): Promise<void> {
  const server = transport.createServer(config);
  const idle = transport.createConnection(config);
  held.push(server, idle);
  if (stage === 'created') return;
  unwrap(await server.listen());
  if (stage === 'listening') return;
  const client = transport.createConnection({ ...config, endpoint: server.address()! });
  held.push(client);
  const connecting = client.connect();
  if (stage === 'connecting') return;
  unwrap(await connecting);
  const accepted = unwrap(await server.accept());
  held.push(accepted);
  accepted.startReceiving();
  if (stage === 'connected') return;
  flood(client);
  flood(accepted);
  if (stage === 'disconnecting') void client.disconnect();
  else await receiveSome(client);
}

function flood(connection: NetworkConnection): void {
  connection.setMessageCallback(() => undefined);
  const bytes = new Uint8Array(3000);
  void (async () => {
    for (let count = 1; (await connection.send(bytes)).ok; count += 1) {
      if (count % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  })();
}

/** Resolves in the middle of the traffic. */
function receiveSome(connection: NetworkConnection): Promise<void> {
  let count = 0;
  return new Promise((resolve) => {
    connection.setMessageCallback(() => {
      if ((count += 1) === 200) resolve();
    });
  });
}

async function liveQuietly(
  transport: Transport,
  config: ConnectionConfig,
  quiet: QuietLife,
  address?: string,
): Promise<void> {
  const server = transport.createServer(config);
  held.push(server);
  let endpoint = address;
  if (endpoint === undefined || quiet === "unref'd server") {
    unwrap(await server.listen());
    endpoint ??= server.address()!;
  }
  if (quiet !== 'closed') server.unref();
  const client = transport.createConnection({ ...config, endpoint });
  held.push(client);
  client.setMessageCallback(() => undefined);
  unwrap(await client.connect());
  if (quiet === 'closed') {
    unwrap(await client.disconnect());
    unwrap(await server.close());
  } else if (quiet === "ref'd connection") {
    // The timer fires only if something else keeps the process alive.
    setTimeout(() => process.exit(STILL_ALIVE_EXIT_CODE), 200).unref();
  } else client.unref();
  if (address === undefined && quiet !== 'closed') {
    const accepted = unwrap(await server.accept());
    held.push(accepted);
    accepted.startReceiving();
    accepted.unref();
  }
}

/** Runs in the main thread, or in the worker that it starts for the ending `worker.terminate`. */
async function run({ module, config, life }: ExitTask): Promise<void> {
  if ('stage' in life && life.ending === 'worker.terminate' && isMainThread) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { module, config, life } satisfies ExitTask });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    process.exitCode = CHOSEN_EXIT_CODE;
    return;
  }
  const transport = await loadTransport(module);
  if ('quiet' in life) {
    await liveQuietly(transport, config, life.quiet, life.address);
    return;
  }
  await reachStage(transport, config, life.stage);
  switch (life.ending) {
    case 'process.exit':
      process.exit(CHOSEN_EXIT_CODE);
      break;
    case 'uncaught exception':
      setImmediate(() => {
        throw new Error('as planned');
      });
      break;
    case 'unhandled rejection':
      void Promise.reject(new Error('as planned'));
      break;
    case 'worker.terminate':
      parentPort!.postMessage('reached');
      break;
  }
}

await run(isMainThread ? (JSON.parse(process.argv[2]!) as ExitTask) : (workerData as ExitTask));
