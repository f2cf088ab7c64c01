import type { Duplex } from 'node:stream';
import { ReadableStream, type ReadableStreamDefaultController, WritableStream } from 'node:stream/web';
import { type ConnectionDuplexOptions, toDuplex } from './connection-duplex.js';
import type { StreamConnection } from './stream-connection.js';

/** Both directions of a connection, as the streams that pages and `fetch` know. */
export interface WebStreams {
  /** Chunks belong to the reader. Cancelling it gives both directions up. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Each chunk is copied when the transport takes it. Closing it ends this direction alone; aborting it gives up both. */
  readonly writable: WritableStream<Uint8Array>;
}

/** The same as `toDuplex`, as web streams: the other side may use either. */
export function toWebStreams(connection: StreamConnection, options: ConnectionDuplexOptions = {}): WebStreams {
  // Not `Duplex.toWeb`: in Node.js 20 its readable ends only when the writable has ended as well.
  const duplex = toDuplex(connection, options);
  return { readable: readableOf(duplex), writable: writableOf(duplex) };
}

function readableOf(duplex: Duplex): ReadableStream<Uint8Array> {
  let isOpen = true;
  const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    duplex.pause();
    duplex.on('data', (chunk: Uint8Array) => {
      if (!isOpen) return;
      controller.enqueue(chunk);
      if ((controller.desiredSize ?? 0) <= 0) duplex.pause();
    });
    duplex.once('end', () => {
      if (isOpen) controller.close();
      isOpen = false;
    });
    duplex.once('error', (error) => {
      if (isOpen) controller.error(error);
      isOpen = false;
    });
  };
  const cancel = (reason: unknown): void => {
    isOpen = false;
    duplex.destroy(asError(reason));
  };
  return new ReadableStream<Uint8Array>({ start, pull: () => void duplex.resume(), cancel });
}

function writableOf(duplex: Duplex): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    start(controller) {
      duplex.once('error', (error) => {
        controller.error(error);
      });
    },
    write: (chunk) =>
      settled((done) => {
        duplex.write(chunk, done);
      }),
    close: () =>
      settled((done) => {
        duplex.end(done);
      }),
    abort(reason) {
      duplex.destroy(asError(reason));
    },
  });
}

function settled(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error !== undefined && error !== null) reject(error);
      else resolve();
    });
  });
}

function asError(reason: unknown): Error {
  return isError(reason) ? reason : new Error(String(reason));
}

/** An error of another realm is one, too, as Node.js's are in a test framework with a global object of its own. */
function isError(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;
}
