import type { Duplex } from 'node:stream';
import type { FrameWriter } from '@entropynet/core';
import { WebSocket } from 'ws';
import { MIN_SPARE_BYTES, spareFrames } from './spare-frames.js';
import { HEADER_BYTES, MAX_FRAME_BYTES } from './web-socket-protocol.js';

/** So many bytes are collected at most before they are given to the kernel, so that both sides work at once. */
const BATCH_BYTES = 64 * 1024;

const SEND_OPTIONS = Object.freeze({ binary: true, compress: false, fin: true });

/**
 * Writes frames as binary messages. What one piece of synchronous code writes leaves in one system call: a call per small
 * frame would cost more than all the rest. It has left before the promise of a `send` resolves (a microtask, not the next
 * tick), so that what was accepted outlives this process.
 */
export class WebSocketFrameWriter implements FrameWriter {
  readonly maxFrameBytes = MAX_FRAME_BYTES;

  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  readonly #maxBufferedBytes: number;
  readonly #resumeBytes: number;
  readonly #onWritable: () => void;
  #claimed: Uint8Array | undefined;
  #isCorked = false;
  #wasRefused = false;
  #batchBytes = 0;

  /**
   * @param socket the stream below `webSocket`
   * @param maxBufferedBytes frames are refused while more bytes than this wait for the kernel
   * @param onWritable called after a refusal, when less than half of that waits
   */
  constructor(webSocket: WebSocket, socket: Duplex, maxBufferedBytes: number, onWritable: () => void) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#resumeBytes = maxBufferedBytes >>> 1;
    this.#onWritable = onWritable;
  }

  // Hot path: one allocation for a small frame, one copy, no closure.
  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#hasRoom()) return false;
    const length = HEADER_BYTES + end - start;
    const isLarge = length >= MIN_SPARE_BYTES;
    const frame = isLarge ? spareFrames.take(length) : Buffer.allocUnsafe(length);
    frame.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), HEADER_BYTES);
    this.#send(header, frame, isLarge);
    return true;
  }

  tryClaim(length: number): Uint8Array | undefined {
    if (!this.#hasRoom()) return undefined;
    // Not `allocUnsafe`: the caller holds this memory, and a part it forgets to write must not leak another's bytes.
    this.#claimed = new Uint8Array(HEADER_BYTES + length);
    return this.#claimed.subarray(HEADER_BYTES);
  }

  commitClaim(header: number): void {
    const claimed = this.#claimed;
    this.#claimed = undefined;
    if (claimed === undefined || this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.#send(header, Buffer.from(claimed.buffer, claimed.byteOffset, claimed.length), false);
  }

  abortClaim(): void {
    this.#claimed = undefined;
  }

  /** Gives what was collected to the kernel now. */
  flush(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#batchBytes = 0;
    this.#socket.uncork();
  }

  #hasRoom(): boolean {
    // After the goodbye nothing is taken any more, and nothing will: no `onWritable` follows.
    if (this.#webSocket.readyState !== WebSocket.OPEN) return false;
    if (this.#webSocket.bufferedAmount <= this.#maxBufferedBytes) return true;
    this.#wasRefused = true;
    return false;
  }

  /** @param isSpare whether the frame is to be kept for others when the kernel has it */
  #send(header: number, frame: Buffer, isSpare: boolean): void {
    frame[0] = header;
    frame[1] = header >>> 8;
    frame[2] = header >>> 16;
    frame[3] = header >>> 24;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      queueMicrotask(this.#flushLater);
    }
    // Only a frame after which a refusal is possible needs to tell when it has left: callbacks cost.
    let onSent: ((error?: Error | null) => void) | undefined;
    if (isSpare) {
      onSent = (error) => {
        // After an error nobody says whether the stream still looks at it.
        if (!(error instanceof Error)) spareFrames.give(frame);
        this.#onSent(error);
      };
    } else if (this.#webSocket.bufferedAmount + frame.length > this.#resumeBytes) onSent = this.#onSent;
    this.#webSocket.send(frame, SEND_OPTIONS, onSent);
    this.#batchBytes += frame.length;
    if (this.#batchBytes >= BATCH_BYTES) this.flush();
  }

  readonly #flushLater = (): void => {
    this.flush();
  };

  readonly #onSent = (error?: Error | null): void => {
    if (!this.#wasRefused || error instanceof Error || this.#webSocket.bufferedAmount >= this.#resumeBytes) return;
    this.#wasRefused = false;
    this.#onWritable();
  };
}
