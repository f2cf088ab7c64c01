import type { Duplex } from 'node:stream';
import { LAST_BYTE, type Port } from '../subject.js';

const LENGTH_BYTES = 4;

/** A port over a stream of bytes: messages travel as a length and the bytes, which is what one writes by hand. */
export function streamPortOf(stream: Duplex, close: () => unknown): Port {
  let isFull = false;
  let onWritable: (() => void) | undefined;
  const incoming = new FrameSplitter();
  const write = (chunk: Uint8Array): boolean => {
    if (isFull) return false;
    isFull = !stream.write(chunk);
    return true;
  };
  stream.on('drain', () => {
    isFull = false;
    const callback = onWritable;
    onWritable = undefined;
    callback?.();
  });
  return {
    send: (message) => {
      if (isFull) return false;
      const frame = Buffer.allocUnsafe(LENGTH_BYTES + message.length);
      frame.writeUInt32LE(message.length, 0);
      frame.set(message, LENGTH_BYTES);
      return write(frame);
    },
    whenWritable: (callback) => {
      onWritable = callback;
    },
    onMessage: (callback) => {
      incoming.onFrame = callback;
      stream.on('data', (chunk: Buffer) => {
        incoming.add(chunk);
      });
    },
    bytes: {
      write,
      receive: (count, callback) => {
        incoming.count(count, callback);
      },
    },
    close: async () => {
      stream.destroy();
      await close();
    },
  };
}

/** Cuts a stream into the messages in it. Chunks of a message that has not arrived whole are joined once. */
class FrameSplitter {
  onFrame: (message: Uint8Array) => void = () => undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Nothing can be delivered before so many bytes are there. */
  #needed = LENGTH_BYTES;
  /** So many bytes to come are no message, and only counted. */
  #uncounted = 0;
  #isWhole = true;
  #onCounted: (isWhole: boolean) => void = () => undefined;

  add(chunk: Buffer): void {
    const counted = this.#countIn(chunk, 0);
    if (counted === chunk.length) return;
    this.#chunks.push(counted === 0 ? chunk : chunk.subarray(counted));
    this.#bytes += chunk.length - counted;
    if (this.#bytes < this.#needed) return;
    const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    let at = 0;
    this.#needed = LENGTH_BYTES;
    while (bytes.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
      if (end > bytes.length) {
        this.#needed = end - at;
        break;
      }
      this.onFrame(bytes.subarray(at + LENGTH_BYTES, end));
      at = end + this.#countIn(bytes, end);
    }
    const rest = bytes.subarray(at);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
  }

  /** Called while a message is taken: the `count` bytes behind it are counted. */
  count(count: number, callback: (isWhole: boolean) => void): void {
    this.#uncounted = count;
    this.#isWhole = true;
    this.#onCounted = callback;
  }

  /** Counts what is to be counted of the chunk, from `start` on; returns how many bytes that were. */
  #countIn(chunk: Buffer, start: number): number {
    const bytes = Math.min(this.#uncounted, chunk.length - start);
    if (bytes === 0) return 0;
    if (chunk[start] !== LAST_BYTE || chunk[start + bytes - 1] !== LAST_BYTE) this.#isWhole = false;
    this.#uncounted -= bytes;
    if (this.#uncounted === 0) this.#onCounted(this.#isWhole);
    return bytes;
  }
}
