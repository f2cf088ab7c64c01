import { setImmediate as turn } from 'node:timers/promises';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import type { ConnectionHandle, ConnectionManager, ManagedServer } from '@entropynet/manager';
import { RotatingFile } from './rotating-file.js';

/** Takes the lines of all workers and writes them. While the disk is behind, it takes none, and the workers wait. */
export class Collector {
  readonly file: RotatingFile;
  /** How often the disk was behind. */
  pauses = 0;
  readonly #server: ManagedServer;
  readonly #handles = new Set<ConnectionHandle>();
  readonly #ends: Promise<void>[] = [];
  #resumed: PromiseWithResolvers<void> | undefined;
  readonly #failed = promiseWithResolvers<never>();

  constructor(manager: ConnectionManager, config: ConnectionConfig, folder: string, maxBytes: number) {
    this.#server = unwrap(manager.createServer(config));
    this.#failed.promise.catch(() => undefined);
    const onReady = (): void => {
      this.#resume();
    };
    this.file = new RotatingFile(folder, maxBytes, onReady, this.#failed.reject);
  }

  /** Listens; the workers may be started when it resolved, with the addresses to fall back to. */
  async listen(): Promise<string[]> {
    unwrap(await this.#server.listen());
    return this.#server.addresses().filter((address) => address.startsWith('ws:'));
  }

  /** Accepts so many workers and takes their lines, until all of them have ended and every line is in a file. */
  async run(workers: number): Promise<void> {
    await Promise.race([this.#failed.promise, this.#collect(workers)]);
  }

  async #collect(workers: number): Promise<void> {
    for (let count = 0; count < workers; count += 1) {
      const handle = unwrap(await this.#server.accept());
      this.#handles.add(handle);
      // With a goodbye or without one: what a worker had sent is delivered first, or kept until somebody takes it.
      this.#ends.push(
        new Promise((resolve) => {
          handle.on('state', (state) => {
            if (state === 'disconnected' || state === 'failed') resolve();
          });
        }),
      );
      if (this.#resumed === undefined) handle.setMessageCallback(this.#take);
    }
    await Promise.all(this.#ends);
    do {
      await this.#resumed?.promise;
      // What was kept comes behind the callback that takes it.
      await turn();
    } while (this.#resumed !== undefined);
    await this.file.close();
    await this.#server.close();
  }

  readonly #take = (line: Uint8Array): void => {
    if (this.file.write(line) || this.#resumed !== undefined) return;
    this.pauses += 1;
    this.#resumed = promiseWithResolvers();
    // Without a callback the peers are held back: their `send` waits, and no memory grows.
    for (const handle of this.#handles) handle.setMessageCallback(null);
  };

  #resume(): void {
    const resumed = this.#resumed;
    if (resumed === undefined) return;
    this.#resumed = undefined;
    for (const handle of this.#handles) handle.setMessageCallback(this.#take);
    resumed.resolve();
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: Error) => void;
}

/** `Promise.withResolvers`, which Node.js 20 does not have. */
function promiseWithResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<T>((accept, refuse) => {
    resolve = accept;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
