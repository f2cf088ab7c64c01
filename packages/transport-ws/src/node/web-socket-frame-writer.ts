import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type FrameWriter, sendShortage } from '@entropynet/core';
import { WebSocket } from '#ws';
import { envelopeBytes, type Masking, seal } from './message-envelope.js';
import { MIN_SPARE_BYTES, spareFrames } from './spare-frames.js';
import type { FrameWriterEvents } from '../protocol/frame-writer-events.js';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/web-socket-protocol.js';

/**
 * The largest number of bytes that are collected before they go to the kernel, so that both sides work at the same
 * time.
 */
const BATCH_BYTES = 64 * 1024;

/** Makes microtasks with `then`. A test framework may replace `queueMicrotask`, but not this. */
const resolved = Promise.resolve();

/**
 * Writes frames as binary messages. The frames of one piece of synchronous code leave in one system call, because one
 * call for each small frame would cost more than all other work. They leave before the promise of a `send` resolves (in
 * a microtask, not in the next tick), and at the latest when the process exits (`flushAtExit`), so that accepted frames
 * outlive this process. Each frame leaves as one piece of memory with its envelope, and does not pass `ws`, which
 * writes two pieces and allocates an object for each message. The order stays correct, because `ws` compresses nothing
 * and so queues nothing.
 */
export class WebSocketFrameWriter implements FrameWriter {
  readonly maxFrameBytes = MAX_FRAME_BYTES;

  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  /** The masking of this side. */
  protected readonly masking: Masking;
  readonly #maxBufferedBytes: number;
  readonly #resumeBytes: number;
  readonly #events: FrameWriterEvents;
  /** Whether a written chunk is with the kernel at once. Streams other than sockets may only have passed it on. */
  readonly #leavesAtOnce: boolean;
  #claimed: Buffer | undefined;
  /** The start of the claimed frame's message. */
  #claimedStart = 0;
  #isCorked = false;
  #wasRefused = false;
  #batchBytes = 0;

  /**
   * @param socket the stream below `webSocket`
   * @param maxBufferedBytes the largest number of bytes that wait for the kernel; beyond it the writer refuses frames
   */
  constructor(
    webSocket: WebSocket,
    socket: Duplex,
    masking: Masking,
    maxBufferedBytes: number,
    events: FrameWriterEvents,
  ) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.masking = masking;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#resumeBytes = maxBufferedBytes >>> 1;
    this.#events = events;
    this.#leavesAtOnce = socket instanceof Socket;
  }

  // Hot path: one allocation for a small frame, one copy, no closure.
  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#hasRoom()) return false;
    const messageBytes = HEADER_BYTES + end - start;
    const messageStart = envelopeBytes(messageBytes, this.masking);
    const length = messageStart + messageBytes;
    const isLarge = length >= MIN_SPARE_BYTES;
    try {
      const frame = isLarge ? spareFrames.take(length) : Buffer.allocUnsafe(length);
      frame.set(bytes, messageStart + HEADER_BYTES);
      putHeader(frame, messageStart, header);
      this.send(frame, messageStart, isLarge);
      return true;
    } catch (error) {
      this.#events.onShortage(sendShortage(error));
      return false;
    }
  }

  tryClaim(length: number): Uint8Array | undefined {
    if (!this.#hasRoom()) return undefined;
    this.#claimedStart = envelopeBytes(HEADER_BYTES + length, this.masking);
    // `allocUnsafe` is not possible: the caller holds this memory, and a part that it does not write must not reveal
    // other data.
    const claimed = Buffer.from(new ArrayBuffer(this.#claimedStart + HEADER_BYTES + length));
    this.#claimed = claimed;
    return new Uint8Array(claimed.buffer, this.#claimedStart + HEADER_BYTES);
  }

  commitClaim(header: number): void {
    const claimed = this.#claimed;
    this.#claimed = undefined;
    if (claimed === undefined || this.#webSocket.readyState !== WebSocket.OPEN) return;
    putHeader(claimed, this.#claimedStart, header);
    try {
      this.send(claimed, this.#claimedStart, false);
    } catch (error) {
      // The compression needs memory.
      this.#events.onShortage(sendShortage(error));
    }
  }

  abortClaim(): void {
    this.#claimed = undefined;
  }

  /** Gives the collected frames to the kernel now. */
  flush(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#batchBytes = 0;
    this.#socket.uncork();
  }

  #hasRoom(): boolean {
    // After the goodbye the writer takes no frame, so no `onWritable` follows.
    if (this.#webSocket.readyState !== WebSocket.OPEN) return false;
    if (this.#webSocket.bufferedAmount <= this.#maxBufferedBytes) return true;
    this.#wasRefused = true;
    return false;
  }

  /**
   * Sends one message.
   * @param start the start of the message, behind room for its envelope
   * @param isSpare whether other frames may reuse the memory after the kernel has taken it
   */
  protected send(frame: Buffer, start: number, isSpare: boolean): void {
    seal(frame, start, this.masking);
    this.write(frame, isSpare);
  }

  /** Writes a whole WebSocket frame; `isSpare` as in `send`. */
  protected write(frame: Buffer, isSpare: boolean): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      void resolved.then(this.#flushLater);
    }
    // Only a frame after which a refusal is possible needs a callback, because callbacks cost time.
    let onSent: ((error?: Error | null) => void) | undefined;
    if (isSpare && this.#leavesAtOnce) {
      onSent = (error) => {
        // After an error the stream may still read the memory.
        if (error === null || error === undefined) spareFrames.give(frame);
        this.#onSent(error);
      };
    } else if (this.#webSocket.bufferedAmount + frame.length > this.#resumeBytes) onSent = this.#onSent;
    this.#socket.write(frame, onSent);
    this.#batchBytes += frame.length;
    if (this.#batchBytes >= BATCH_BYTES) this.flush();
  }

  readonly #flushLater = (): void => {
    this.flush();
  };

  readonly #onSent = (error?: Error | null): void => {
    if (
      !this.#wasRefused ||
      (error !== null && error !== undefined) ||
      this.#webSocket.bufferedAmount >= this.#resumeBytes
    )
      return;
    this.#wasRefused = false;
    this.#events.onWritable();
  };
}

function putHeader(frame: Buffer, start: number, header: number): void {
  frame[start] = header;
  frame[start + 1] = header >>> 8;
  frame[start + 2] = header >>> 16;
  frame[start + 3] = header >>> 24;
}
