import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FrameWriter } from '@entropynet/core';
import { WebSocket } from '#ws';
import { envelopeBytes, type Masking, seal } from './message-envelope.js';
import { MIN_SPARE_BYTES, spareFrames } from './spare-frames.js';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/web-socket-protocol.js';

/** So many bytes are collected at most before they are given to the kernel, so that both sides work at once. */
const BATCH_BYTES = 64 * 1024;

/** A promise's `then` gives a microtask that no test framework puts off, as it does those of `queueMicrotask`. */
const resolved = Promise.resolve();

/**
 * Writes frames as binary messages. What one piece of synchronous code writes leaves in one system call: a call per small
 * frame would cost more than all the rest. It has left before the promise of a `send` resolves (a microtask, not the next
 * tick), and at the latest when the process exits (`flushAtExit`), so that what was accepted outlives this process. Each leaves as one piece of memory, envelope included, which
 * goes past `ws`: that writes two pieces and makes an object for each message. Nothing of `ws` waits in between, because
 * `ws` compresses nothing.
 */
export class WebSocketFrameWriter implements FrameWriter {
  readonly maxFrameBytes = MAX_FRAME_BYTES;

  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  /** How this side masks. */
  protected readonly masking: Masking;
  readonly #maxBufferedBytes: number;
  readonly #resumeBytes: number;
  readonly #onWritable: () => void;
  /** Whether a chunk is with the kernel once it is written; another stream than a socket may only have passed it on. */
  readonly #leavesAtOnce: boolean;
  #claimed: Buffer | undefined;
  /** Where the claimed frame's message begins. */
  #claimedStart = 0;
  #isCorked = false;
  #wasRefused = false;
  #batchBytes = 0;

  /**
   * @param socket the stream below `webSocket`
   * @param maxBufferedBytes frames are refused while more bytes than this wait for the kernel
   * @param onWritable called after a refusal, when less than half of that waits
   */
  constructor(
    webSocket: WebSocket,
    socket: Duplex,
    masking: Masking,
    maxBufferedBytes: number,
    onWritable: () => void,
  ) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.masking = masking;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#resumeBytes = maxBufferedBytes >>> 1;
    this.#onWritable = onWritable;
    this.#leavesAtOnce = socket instanceof Socket;
  }

  // Hot path: one allocation for a small frame, one copy, no closure.
  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#hasRoom()) return false;
    const messageBytes = HEADER_BYTES + end - start;
    const messageStart = envelopeBytes(messageBytes, this.masking);
    const length = messageStart + messageBytes;
    const isLarge = length >= MIN_SPARE_BYTES;
    const frame = isLarge ? spareFrames.take(length) : Buffer.allocUnsafe(length);
    frame.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), messageStart + HEADER_BYTES);
    putHeader(frame, messageStart, header);
    this.send(frame, messageStart, isLarge);
    return true;
  }

  tryClaim(length: number): Uint8Array | undefined {
    if (!this.#hasRoom()) return undefined;
    this.#claimedStart = envelopeBytes(HEADER_BYTES + length, this.masking);
    // Not `allocUnsafe`: the caller holds this memory, and a part it forgets to write must not leak another's bytes.
    const claimed = Buffer.from(new ArrayBuffer(this.#claimedStart + HEADER_BYTES + length));
    this.#claimed = claimed;
    return new Uint8Array(claimed.buffer, this.#claimedStart + HEADER_BYTES);
  }

  commitClaim(header: number): void {
    const claimed = this.#claimed;
    this.#claimed = undefined;
    if (claimed === undefined || this.#webSocket.readyState !== WebSocket.OPEN) return;
    putHeader(claimed, this.#claimedStart, header);
    this.send(claimed, this.#claimedStart, false);
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

  /**
   * Sends one message.
   * @param start where the message begins, behind room for its envelope
   * @param isSpare whether the frame is to be kept for others when the kernel has it
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
    // Only a frame after which a refusal is possible needs to tell when it has left: callbacks cost.
    let onSent: ((error?: Error | null) => void) | undefined;
    if (isSpare && this.#leavesAtOnce) {
      onSent = (error) => {
        // After an error nobody says whether the stream still looks at it.
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
    this.#onWritable();
  };
}

function putHeader(frame: Buffer, start: number, header: number): void {
  frame[start] = header;
  frame[start + 1] = header >>> 8;
  frame[start + 2] = header >>> 16;
  frame[start + 3] = header >>> 24;
}
