import type { Duplex } from 'node:stream';
import { CONTROL, type FrameEnvelope } from './frame-envelope.js';

type DataListener = (this: Duplex, chunk: Buffer) => void;
type CloseListener = (this: Duplex, hadError: boolean) => void;

/** The side of the frame reader that faces it. */
export interface StreamReader {
  readonly onData: (chunk: Buffer) => void;
  /** Calls `then` when all bytes that have arrived were delivered; at once if none wait. */
  whenRead(then: () => void): void;
}

/**
 * Takes a stream over from its `ws`, gives `ws` the frames that it must see, and in the end the stream. `ws` learns that
 * the stream has ended or closed after the frame reader has delivered all bytes.
 */
export class FramesForWs {
  readonly #socket: Duplex;
  readonly #envelope: FrameEnvelope;
  readonly #reader: StreamReader;
  /** The listener of `ws`; undefined after `ws` listens itself. */
  #readByWs: DataListener | undefined;
  /** The number of bytes of a frame for `ws` that have not arrived. */
  #missingBytes = 0;

  /**
   * @param socket the stream, below a `ws` that has just opened; no bytes were read from it yet
   * @param envelope the last envelope that was read
   */
  constructor(socket: Duplex, envelope: FrameEnvelope, reader: StreamReader) {
    this.#socket = socket;
    this.#envelope = envelope;
    this.#reader = reader;
    const [readByWs, ...others] = socket.listeners('data');
    // If another version of `ws` reads in another way, it reads alone: slower, and also correct.
    if (readByWs === undefined || others.length > 0) return;
    this.#readByWs = readByWs as DataListener;
    socket.on('data', reader.onData);
    socket.off('data', this.#readByWs);
    this.#deferClose();
    this.#deferEnd();
  }

  /** The number of bytes of a frame for `ws` that have not arrived. */
  get missingBytes(): number {
    return this.#missingBytes;
  }

  #deferClose(): void {
    const socket = this.#socket;
    // `ws` has just added its own listener, as the last one.
    const closeOfWs = socket.listeners('close').at(-1) as CloseListener | undefined;
    if (closeOfWs !== undefined) socket.off('close', closeOfWs);
    socket.once('close', (hadError: boolean) => {
      // A broken stream left these bytes. `ws` would read them from any position.
      while (this.#readByWs !== undefined) {
        const rest = socket.read() as Buffer | null;
        if (rest === null) break;
        this.#reader.onData(rest);
      }
      this.#reader.whenRead(() => closeOfWs?.call(socket, hadError));
    });
  }

  #deferEnd(): void {
    const socket = this.#socket;
    // A paused stream still reports its end. `ws` would then write nothing more and take no waiting frame.
    const endOfWs = socket.listeners('end').at(-1) as (() => void) | undefined;
    if (endOfWs !== undefined) socket.off('end', endOfWs);
    socket.once('end', () => {
      this.#reader.whenRead(() => endOfWs?.call(socket));
    });
  }

  /** Reads nothing more from the stream, and lets `ws` read nothing. */
  refuse(): void {
    this.#readByWs = undefined;
    this.#socket.off('data', this.#reader.onData);
  }

  /**
   * Lets `ws` read the stream alone. Returns the function that gives it the waiting bytes, which come first; undefined
   * after the first call.
   */
  leave(): ((bytes: Buffer) => void) | undefined {
    const readByWs = this.#readByWs;
    this.refuse();
    if (readByWs === undefined) return undefined;
    this.#socket.on('data', readByWs);
    return readByWs.bind(this.#socket);
  }

  /**
   * Gives `ws` all control frames from `at` on that have arrived. Returns the start of the next other frame.
   * @param known the beginning of the first frame, from the chunk before
   */
  giveControls(known: Buffer, chunk: Buffer, at: number): number {
    const envelope = this.#envelope;
    let end = at + envelope.length - known.length;
    while (end < chunk.length && envelope.read(chunk, end, chunk.length) === CONTROL) end += envelope.length;
    this.#missingBytes = Math.max(0, end - chunk.length);
    const given = Math.min(end, chunk.length);
    // A copy, because `ws` keeps incomplete frames, and pings until there is room to answer, and must own their memory.
    this.#readByWs?.call(this.#socket, Buffer.concat([known, chunk.subarray(at, given)]));
    return given;
  }

  /** Gives `ws` the rest of a frame, or the part that has arrived. Returns the start of the next frame. */
  giveRest(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#missingBytes, chunk.length);
    this.#missingBytes -= end - at;
    // A copy, because `ws` keeps it, and the chunk's memory may be given away with a message behind it.
    this.#readByWs?.call(this.#socket, Buffer.from(chunk.subarray(at, end)));
    return end;
  }
}
