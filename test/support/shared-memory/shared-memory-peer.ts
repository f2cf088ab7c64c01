/** A process for the shared-memory tests. Arguments: what to do, and the configuration as JSON. */
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';

const [task, json] = process.argv.slice(2) as [string, string];
const config = JSON.parse(json) as ConnectionConfig;

const tasks: Record<string, () => Promise<void>> = {
  /** Listens until it is killed. */
  async serve() {
    const server = new SharedMemoryServer(config);
    const listening = await server.listen();
    process.send?.(listening.ok ? 'listening' : listening.error.code);
  },
  /** Listens, receives on each connection, and reports each end. */
  async receive() {
    const server = new SharedMemoryServer(config);
    unwrap(await server.listen());
    process.send?.('listening');
    for await (const connection of server) {
      connection.on('state', (state, error) => process.send?.(error?.code ?? state));
      connection.setMessageCallback(() => undefined);
      connection.startReceiving();
    }
  },
  /** Listens and stops on request, and reports each result. */
  async race() {
    const server = new SharedMemoryServer(config);
    process.send?.('ready');
    process.on('message', (message) => {
      const act = async (): Promise<void> => {
        const result = message === 'listen' ? await server.listen() : await server.close();
        process.send?.(result.ok ? 'ok' : result.error.code);
      };
      void act();
    });
    await Promise.resolve();
  },
  /** Sends a thousand messages without reading, then waits to be killed. */
  async send() {
    const connection = new SharedMemoryConnection(config.endpoint, config);
    unwrap(await connection.connect());
    for (let count = 0; count < 1000; count += 1)
      unwrap(await connection.send(Uint8Array.of(count & 0xff, count >> 8)));
    process.send?.('sent');
  },
  /** Connects and reads until it is killed. */
  async read() {
    const connection = new SharedMemoryConnection(config.endpoint, config);
    connection.setMessageCallback(() => undefined);
    unwrap(await connection.connect());
    process.send?.('connected');
  },
  /** Listens and leaves the process without closing anything. */
  async exit() {
    unwrap(await new SharedMemoryServer(config).listen());
    process.exit(0);
  },
  async throw() {
    unwrap(await new SharedMemoryServer(config).listen());
    throw new Error('on purpose');
  },
};

await tasks[task]?.();
