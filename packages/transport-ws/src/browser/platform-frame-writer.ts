import type { FrameWriter } from '@entropynet/core';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/web-socket-protocol.js';
import { clearInterval, setInterval } from './page-timers.js';
import { OPEN, type PlatformWebSocket } from './platform-web-socket.js';

/** How often it is looked whether there is room again. The platform has no event for it. */
const LOOK_AGAIN_MS = 4;

/** Writes frames as binary messages of the platform's WebSocket, which copies each and sends it by itself. */
export class PlatformFrameWriter implements FrameWriter {
  readonly maxFrameBytes = MAX_FRAME_BYTES;

  readonly #webSocket: PlatformWebSocket;
  readonly #maxBufferedBytes: number;
  readonly #resumeBytes: number;
  readonly #onWritable: () => void;
  #claimed: Uint8Array | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param maxBufferedBytes frames are refused while more bytes than this wait for the network
   * @param onWritable called after a refusal, when less than half of that waits
   */
  constructor(webSocket: PlatformWebSocket, maxBufferedBytes: number, onWritable: () => void) {
    this.#webSocket = webSocket;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#resumeBytes = maxBufferedBytes >>> 1;
    this.#onWritable = onWritable;
  }

  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#hasRoom()) return false;
    const frame = new Uint8Array(HEADER_BYTES + end - start);
    frame.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), HEADER_BYTES);
    this.#send(header, frame);
    return true;
  }

  tryClaim(length: number): Uint8Array | undefined {
    if (!this.#hasRoom()) return undefined;
    this.#claimed = new Uint8Array(HEADER_BYTES + length);
    return new Uint8Array(this.#claimed.buffer, HEADER_BYTES);
  }

  commitClaim(header: number): void {
    const claimed = this.#claimed;
    this.#claimed = undefined;
    if (claimed !== undefined && this.#webSocket.readyState === OPEN) this.#send(header, claimed);
  }

  abortClaim(): void {
    this.#claimed = undefined;
  }

  /**
   * Looks whether there is room again, where a frame was refused. A page in the background has slow timers: what arrives
   * from the peer is an occasion too.
   */
  lookForRoom(): void {
    if (this.#timer === undefined || this.#webSocket.bufferedAmount > this.#resumeBytes) return;
    this.stop();
    if (this.#webSocket.readyState === OPEN) this.#onWritable();
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #hasRoom(): boolean {
    // After the goodbye nothing is taken any more, and nothing will: no `onWritable` follows.
    if (this.#webSocket.readyState !== OPEN) return false;
    if (this.#webSocket.bufferedAmount <= this.#maxBufferedBytes) return true;
    this.#timer ??= setInterval(() => {
      this.lookForRoom();
    }, LOOK_AGAIN_MS);
    return false;
  }

  #send(header: number, frame: Uint8Array): void {
    frame[0] = header;
    frame[1] = header >>> 8;
    frame[2] = header >>> 16;
    frame[3] = header >>> 24;
    this.#webSocket.send(frame);
  }
}
