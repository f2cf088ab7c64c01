import type { Duplex } from 'node:stream';
import { ReadableStream, type ReadableStreamDefaultController, WritableStream } from 'node:stream/web';
import { types } from 'node:util';
import { kindOf } from '@entropynet/core';
import { partOf } from '@entropynet/core/platform';
import { checkStreamOptions, type ConnectionDuplexOptions } from './duplex-options.js';
import type { StreamConnection } from './stream-connection.js';
import { asError } from './stream-error.js';
import { toDuplex } from './to-duplex.js';

/** Both directions of a connection, as web streams. */
export interface WebStreams {
  /** The incoming bytes. The reader owns the chunks. Cancelling it aborts both directions. */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * The outgoing bytes. The stream copies each chunk when it sends it. Closing it ends only this direction; aborting it
   * aborts both.
   */
  readonly writable: WritableStream<Uint8Array>;
}

/** Does the same as `toDuplex`, but returns web streams. The other side may use `toDuplex` or `toWebStreams`. */
export function toWebStreams(connection: StreamConnection, options: ConnectionDuplexOptions = {}): WebStreams {
  // Not `Duplex.toWeb`: in Node.js 20 its readable ends only when the writable has ended as well.
  checkStreamOptions(options);
  const duplex = toDuplex(connection, { ...options, allowHalfOpen: options.allowHalfOpen ?? true });
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
      // The platform calls the sink's abort only after the present write, which may wait for a peer that reads nothing.
      const { signal } = controller as { readonly signal?: AbortSignal };
      signal?.addEventListener('abort', () => {
        duplex.destroy(asError(signal.reason));
      });
    },
    write: (chunk) => {
      const bytes = bytesOf(chunk);
      if (bytes !== undefined) {
        return settled((done) => {
          duplex.write(bytes, done);
        });
      }
      // If a sink throws, its stream has failed. The peer must not wait for more bytes.
      const given = typeof chunk === 'object' ? 'another object, or one whose memory was transferred,' : kindOf(chunk);
      const error = new TypeError(`a chunk is an ArrayBuffer or a view of one; ${given} was given`);
      duplex.destroy(error);
      throw error;
    },
    close: () =>
      settled((done) => {
        duplex.end(done);
      }),
    abort(reason) {
      duplex.destroy(asError(reason));
    },
  });
}

/**
 * Returns the chunk's bytes; undefined if the platform does not count the value as bytes, or if its memory was
 * transferred.
 */
function bytesOf(chunk: unknown): Uint8Array | undefined {
  try {
    // The platform's own getters: a program may have changed the properties of its array.
    if (types.isDataView(chunk)) {
      const [buffer, offset, length] = ['buffer', 'byteOffset', 'byteLength'].map((name): unknown =>
        Reflect.get(DataView.prototype, name, chunk),
      );
      return new Uint8Array(buffer as ArrayBuffer, offset as number, length as number);
    }
    if (ArrayBuffer.isView(chunk)) return partOf(chunk as Uint8Array, 0);
    const isBuffer = Object.prototype.toString.call(chunk) === '[object ArrayBuffer]';
    return isBuffer ? new Uint8Array(chunk as ArrayBuffer) : undefined;
  } catch {
    // Its memory was transferred.
    return undefined;
  }
}

function settled(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}
