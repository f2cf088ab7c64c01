import { type FrameWriter, sendShortage } from '@entropynet/core';
import type { FrameWriterEvents } from '../protocol/frame-writer-events.js';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/web-socket-protocol.js';
import { clearInterval, setInterval } from './page-timers.js';
import { OPEN, type PlatformWebSocket } from './platform-web-socket.js';

/** The interval at which the writer checks for room, in milliseconds. The platform has no event for it. */
const LOOK_AGAIN_MS = 4;

/** Writes frames as binary messages of the platform's WebSocket, which copies each message and sends it by itself. */
export class PlatformFrameWriter implements FrameWriter {
  readonly maxFrameBytes = MAX_FRAME_BYTES;

  readonly #webSocket: PlatformWebSocket;
  readonly #maxBufferedBytes: number;
  readonly #resumeBytes: number;
  readonly #events: FrameWriterEvents;
  #claimed: Uint8Array | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param maxBufferedBytes the largest number of bytes that wait for the network; beyond it frames are refused */
  constructor(webSocket: PlatformWebSocket, maxBufferedBytes: number, events: FrameWriterEvents) {
    this.#webSocket = webSocket;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#resumeBytes = maxBufferedBytes >>> 1;
    this.#events = events;
  }

  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#hasRoom()) return false;
    try {
      const frame = new Uint8Array(HEADER_BYTES + end - start);
      frame.set(bytes, HEADER_BYTES);
      this.#send(header, frame);
      return true;
    } catch (error) {
      this.#events.onShortage(sendShortage(error));
      return false;
    }
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
   * Checks for room after a refusal. The timers of a page in the background are slow, so the link also calls it for
   * every message of the peer.
   */
  lookForRoom(): void {
    if (this.#timer === undefined || this.#webSocket.bufferedAmount > this.#resumeBytes) return;
    this.stop();
    if (this.#webSocket.readyState === OPEN) this.#events.onWritable();
  }

  /** Stops checking for room. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #hasRoom(): boolean {
    // After the goodbye the writer takes no frame, so no `onWritable` follows.
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
