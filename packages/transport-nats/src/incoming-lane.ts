import { decodeUint32, NetworkError } from '@entropynet/core';
import { FRAME_HEADER_BYTES, MAX_FRAME_BYTES, MESSAGE_COST_BYTES } from './nats-protocol.js';
import type { ReceiveShare } from './receive-budget.js';

/** Takes the frames of a lane. */
export type FrameTaker = (header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean) => void;

/** The result of checking a numbered message. */
export type Arrival = 'next' | 'seen' | NetworkError;

/**
 * The receiving half of a lane. It counts messages, enforces the window, and reads the frames from the stream. If the
 * end of a message splits a frame, it joins the parts.
 */
export class IncomingLane {
  /** The number of the last message that was taken. */
  taken = 0;

  readonly share: ReceiveShare;
  /** The beginning of a frame whose rest has not arrived. */
  #part: Uint8Array | undefined;
  #partLength = 0;
  /** The beginning of a frame's header. */
  readonly #head = new Uint8Array(FRAME_HEADER_BYTES);
  #headLength = 0;

  constructor(share: ReceiveShare) {
    this.share = share;
  }

  /** Checks a message by its number: the next one, a repeated one, or an error for a gap. */
  arrive(number: number): Arrival {
    const expected = this.taken + 1;
    if (number === expected) {
      this.taken = number;
      return 'next';
    }
    if (number < expected) return 'seen';
    const lost = number - expected;
    return new NetworkError(
      'TransportUnavailable',
      `NATS lost ${lost} message${lost === 1 ? '' : 's'} of this connection: number ${number} came after number ${this.taken}`,
    );
  }

  /** Counts a body that arrived. Returns false if the peer exceeded its window. */
  spend(bytes: number): boolean {
    return this.share.spend(bytes + MESSAGE_COST_BYTES);
  }

  /**
   * Reads the bytes of one message, `bytes[start, …)`, and passes each complete frame to `take`, until the link is
   * over. Returns an error for invalid frames.
   * Hot path: a frame that lies in one message is passed in place.
   */
  read(bytes: Uint8Array, start: number, take: FrameTaker, isOver: () => boolean): NetworkError | undefined {
    let at = start;
    const end = bytes.length;
    while (at < end) {
      if (this.#part === undefined && this.#headLength === 0 && end - at >= FRAME_HEADER_BYTES) {
        const length = decodeUint32(bytes, at);
        if (length > MAX_FRAME_BYTES) return tooLong(length);
        const next = at + FRAME_HEADER_BYTES + length;
        if (next <= end) {
          take(decodeUint32(bytes, at + 4), bytes, at + FRAME_HEADER_BYTES, next, false);
          if (isOver()) return undefined;
          at = next;
          continue;
        }
      }
      if (this.#part === undefined) {
        const missing = Math.min(FRAME_HEADER_BYTES - this.#headLength, end - at);
        this.#head.set(bytes.subarray(at, at + missing), this.#headLength);
        this.#headLength += missing;
        at += missing;
        if (this.#headLength < FRAME_HEADER_BYTES) return undefined;
        const length = decodeUint32(this.#head, 0);
        if (length > MAX_FRAME_BYTES) return tooLong(length);
        this.#part = new Uint8Array(length);
        this.#partLength = 0;
      }
      const part = this.#part;
      const missing = Math.min(part.length - this.#partLength, end - at);
      part.set(bytes.subarray(at, at + missing), this.#partLength);
      this.#partLength += missing;
      at += missing;
      if (this.#partLength < part.length) return undefined;
      this.#part = undefined;
      this.#headLength = 0;
      take(decodeUint32(this.#head, 4), part, 0, part.length, true);
      if (isOver()) return undefined;
    }
    return undefined;
  }
}

function tooLong(length: number): NetworkError {
  return new NetworkError(
    'InvalidMessage',
    `the peer sent a frame of ${length} bytes; at most ${MAX_FRAME_BYTES} are allowed`,
  );
}
