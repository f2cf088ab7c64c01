import { startTurn, stopTurn, type Turn } from '../platform/clock.js';
import type { NetworkError } from '../result/network-error.js';
import { sendShortage } from '../result/shortage.js';
import type { FrameWriter } from '../wire/frame-link.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';
import { Fifo } from '../channels/fifo.js';

interface Frame {
  readonly header: number;
  readonly bytes: Uint8Array;
}

/** The reader of a pipe. */
export interface PipeReader {
  /** Receives one frame. The reader owns the bytes. */
  onFrame(header: number, bytes: Uint8Array): void;
  /** The writer said goodbye, and the reader has received every frame. */
  onEnd(): void;
}

/** The events of a pipe's writing side. */
export interface PipeWriterEvents {
  /** There is room again after a refusal. */
  onWritable(): void;
  /** There is no memory for a frame: the connection must end. */
  onShortage(error: NetworkError): void;
}

/** Frames delivered in one turn of the event loop, so that a flood starves no timer. */
const BATCH = 256;

/** One direction of a loopback link: a bounded queue that delivers in later turns of the event loop. */
export class LoopbackPipe implements FrameWriter {
  readonly maxFrameBytes: number;
  readonly #capacityBytes: number;
  readonly #frames = new Fifo<Frame>();
  #usedBytes = 0;
  #reader: PipeReader | undefined;
  #events: PipeWriterEvents | undefined;
  #claimed: Uint8Array | undefined;
  #wasRefused = false;
  #isEnding = false;
  #isClosed = false;
  #immediate: Turn | undefined;

  /** @param capacityBytes the largest number of bytes in the queue, with the bookkeeping of frames */
  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.maxFrameBytes = capacityBytes >>> 2;
  }

  /** Reports to the writing side. */
  report(events: PipeWriterEvents): void {
    this.#events = events;
  }

  /** Delivers to `reader`, first the frames that have arrived already. */
  read(reader: PipeReader): void {
    this.#reader = reader;
    this.#schedule();
  }

  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#hasRoom(end - start)) return false;
    try {
      const copy = new Uint8Array(end - start);
      copy.set(bytes);
      this.#push({ header, bytes: copy });
      return true;
    } catch (error) {
      this.#events?.onShortage(sendShortage(error));
      return false;
    }
  }

  tryClaim(length: number): Uint8Array | undefined {
    if (!this.#hasRoom(length)) return undefined;
    this.#claimed = new Uint8Array(length);
    return this.#claimed;
  }

  commitClaim(header: number): void {
    if (this.#claimed !== undefined && !this.#isClosed) this.#push({ header, bytes: this.#claimed });
    this.#claimed = undefined;
  }

  abortClaim(): void {
    this.#claimed = undefined;
  }

  /** Says goodbye: `onEnd` follows the last frame. */
  end(): void {
    this.#isEnding = true;
    this.#schedule();
  }

  /** Drops everything. Neither `onFrame` nor `onEnd` follows. */
  close(): void {
    this.#isClosed = true;
    this.#frames.clear();
    stopTurn(this.#immediate);
  }

  #hasRoom(length: number): boolean {
    const hasRoom = !this.#isClosed && this.#usedBytes + length + FRAME_COST_BYTES <= this.#capacityBytes;
    if (!hasRoom) this.#wasRefused = true;
    return hasRoom;
  }

  #push(frame: Frame): void {
    this.#frames.push(frame);
    this.#usedBytes += frame.bytes.length + FRAME_COST_BYTES;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#immediate !== undefined || this.#reader === undefined || this.#isClosed) return;
    this.#immediate = startTurn(() => {
      this.#immediate = undefined;
      this.#deliver();
    });
  }

  #deliver(): void {
    for (let count = 0; count < BATCH && !this.#isClosed; count += 1) {
      const frame = this.#frames.shift();
      if (frame === undefined) break;
      this.#usedBytes -= frame.bytes.length + FRAME_COST_BYTES;
      this.#reader?.onFrame(frame.header, frame.bytes);
    }
    if (this.#isClosed) return;
    if (this.#wasRefused) {
      this.#wasRefused = false;
      this.#events?.onWritable();
    }
    if (this.#frames.length > 0) this.#schedule();
    else if (this.#isEnding) {
      this.close();
      this.#reader?.onEnd();
    }
  }
}
